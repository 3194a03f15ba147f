// A sequence of steps, forward and backward, over all chains: a chain is one unit of one sequence of a batch.
//
// Chains are cut into blocks that a thread takes through all of time with their states in the first cache. Where blocks
// begin doesn't depend on the number of threads, and sums over the batch are taken in the order of the batch: the
// results are the same, bit for bit, for every number of threads.
#pragma once
#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "lines.h"
#include "real.h"
#include "threads.h"

// What a turn of the loop below writes, no other turn reads: the compiler may take many at once.
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety) interleave(disable) unroll(disable)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

typedef std::int64_t Index;

constexpr Index UNIT = 64;      // chains that are never split: whole cache lines of every stream
constexpr Index BLOCK = 256;    // most chains of a block: its states, weights and rows fit the first cache
constexpr Index SEGMENT = 64;   // steps between two stored states, from which the backward sweep starts again
constexpr Index CACHED = 4 << 20;  // bytes of a tensor that the caches may keep for who reads it next
constexpr Index AHEAD = 512;    // chains whose values are asked for before they are needed

struct Sizes {
    Index length, batch, width, threads;
};

// One value for each step, sequence and unit: (L, N, H) with the units of a sequence side by side.
template <class P> struct Stream {
    P* data;
    Index step, row;
    P* at(Index t) const { return data + t * step; }
};

// Calls work(start, count) for blocks of chains; a block doesn't cross from one sequence to the next unless `together`.
template <class Work> void over_blocks(const Sizes& sizes, bool together, const Work& work) {
    const Index width = together ? sizes.batch * sizes.width : sizes.width;
    const Index rows = together ? 1 : sizes.batch, units = (width + UNIT - 1) / UNIT;
    in_threads(rows * units, sizes.threads, [&](Index first, Index last) {
        for (Index unit = first; unit < last;) {
            const Index row = unit / units, from = unit % units;
            const Index to = std::min({units, from + last - unit, from + BLOCK / UNIT});
            work(row * width + from * UNIT, std::min(width, to * UNIT) - from * UNIT);
            unit += to - from;
        }
    });
}

// What a sweep forward leaves; `kept` and `states` may be null. (L, N, H) each, but `states` (segments, STATES, N, H), the
// states before the first step of each segment, and `final` (STATES, N, H).
template <class T> struct Left {
    T *output, *kept, *states, *final;
};

// What a sweep backward gets and gives. `kept` is what the sweep forward kept, or null: then it is worked out again, a
// segment at a time, from `states`. `output` is the gradient of the output, or null; `final` that of the final states.
template <class T, int INPUTS> struct Gradients {
    const T *kept, *states, *last;  // `last` are the final states themselves
    Stream<const T> output;
    const T* final;
    Stream<T> input[INPUTS];
    double* weight;  // (WEIGHTS, N, H), one sum for every chain
    T* initial;      // (STATES, N, H)
};

template <class Step> struct Sweep {
    typedef typename Step::T T;
    enum { INPUTS = Step::INPUTS, WEIGHTS = Step::WEIGHTS, STATES = Step::STATES };
    enum { CARRIES = Step::CARRIES ? Step::CARRIES : 1 };  // roundings carried on within a segment; an array has a size
    enum { LANES = LINE / sizeof(T) };
    typedef T Row[BLOCK];

    Step step;
    Sizes sizes;
    Stream<const T> input[INPUTS];
    const T* weight;   // (WEIGHTS, H)
    const T* initial;  // (STATES, N, H)

    Index chains() const { return sizes.batch * sizes.width; }
    bool large() const { return sizes.length * chains() * Index(sizeof(T)) > CACHED; }
    Index segments() const { return (sizes.length + SEGMENT - 1) / SEGMENT; }

    void forward(const Left<T>& left) const {
        over_blocks(sizes, side_by_side(), [&](Index chain, Index count) {
            alignas(LINE) Row w[WEIGHTS], state[STATES];
            load_weights(chain, count, w);
            load(initial, chain, count, state);
            for (Index from = 0; from < sizes.length; from += SEGMENT) {
                if (left.states) save(state, chain, count, left.states + from / SEGMENT * STATES * chains());
                const Index to = std::min(sizes.length, from + SEGMENT);
                T* output = left.output + chain;
                if (left.kept) run<true, true>(chain, count, from, to, w, state, output, left.kept + chain, chains());
                else run<true, false>(chain, count, from, to, w, state, output, nullptr, chains());
            }
            save(state, chain, count, left.final);
            written();
        });
    }

    void backward(const Gradients<T, INPUTS>& g) const {
        bool together = side_by_side() && (!g.output.data || g.output.row == sizes.width);
        for (int k = 0; k < INPUTS; ++k) together = together && g.input[k].row == sizes.width;
        over_blocks(sizes, together, [&](Index chain, Index count) { backward_block(g, chain, count); });
    }

  private:
    bool side_by_side() const {
        return std::all_of(input, input + INPUTS, [this](const auto& x) { return x.row == sizes.width; });
    }

    // Calls work(first, count) for the chains of a block, one line of the cache at a time; whole lines have a count that
    // the compiler knows.
    template <class Work> static STEP_INLINE void over_lines(Index count, const Work& work) {
        Index first = 0;
        for (; first + LANES <= count; first += LANES) work(first, std::integral_constant<Index, LANES>());
        if (first < count) work(first, count - first);
    }

    static Index steps_ahead(Index count) { return std::max(Index(1), AHEAD / count); }

    Index offset(Index chain, Index row) const { return chain / sizes.width * row + chain % sizes.width; }

    void load_weights(Index chain, Index count, Row* into) const {
        for (int k = 0; k < WEIGHTS; ++k)
            for (Index i = 0; i < count; ++i) into[k][i] = weight[k * sizes.width + (chain + i) % sizes.width];
    }

    void load(const T* from, Index chain, Index count, Row* state) const {
        for (int k = 0; k < STATES; ++k) std::copy_n(from + k * chains() + chain, count, state[k]);
    }

    void save(const Row* state, Index chain, Index count, T* to) const {
        for (int k = 0; k < STATES; ++k) std::copy_n(state[k], count, to + k * chains() + chain);
    }

    // The steps from `from` to `to`; step t leaves its output at output + t * stride and what it keeps likewise.
    template <bool OUTPUT, bool KEPT>
    void run(Index chain, Index count, Index from, Index to, const Row* w, Row* state, T* output, T* kept,
             Index stride) const {
        alignas(LINE) Row carry[CARRIES];
        for (int k = 0; k < Step::CARRIES; ++k) std::fill_n(carry[k], count, T(0));
        for (Index t = from; t < to; ++t) {
            const Index ahead = std::min(steps_ahead(count), sizes.length - 1 - t);
            const T* x[INPUTS];
            for (int k = 0; k < INPUTS; ++k) x[k] = input[k].at(t) + offset(chain, input[k].row);
            T* out = OUTPUT ? output + t * stride : nullptr;
            T* keep = KEPT ? kept + t * stride : nullptr;
            const bool past = OUTPUT && large() && starts_line(out) && (!KEPT || starts_line(keep));
            over_lines(count, [&](Index first, auto lanes) __attribute__((always_inline)) {
                for (int k = 0; k < INPUTS; ++k) prefetch(x[k] + ahead * input[k].step + first);
                alignas(LINE) T values[LANES], saved[LANES];
                INDEPENDENT
                for (Index j = 0; j < lanes; ++j) {
                    const Index i = first + j;
                    T xi[INPUTS], wi[WEIGHTS], si[STATES], ci[CARRIES];
                    for (int k = 0; k < Step::CARRIES; ++k) ci[k] = carry[k][i];
                    for (int k = 0; k < INPUTS; ++k) xi[k] = x[k][i];
                    for (int k = 0; k < WEIGHTS; ++k) wi[k] = w[k][i];
                    for (int k = 0; k < STATES; ++k) si[k] = state[k][i];
                    values[j] = step.forward(xi, wi, si, ci);
                    for (int k = 0; k < Step::CARRIES; ++k) carry[k][i] = ci[k];
                    for (int k = 0; k < STATES; ++k) state[k][i] = si[k];
                    if (KEPT) saved[j] = Step::kept(si);
                }
                if (OUTPUT) write(values, lanes, out + first, past);
                if (KEPT) write(saved, lanes, keep + first, past);
            });
        }
    }

    void backward_block(const Gradients<T, INPUTS>& g, Index chain, Index count) const {
        alignas(LINE) Row w[WEIGHTS], state[STATES], adjoint[STATES], dweight[WEIGHTS], carry[CARRIES], first;
        alignas(LINE) double sum[WEIGHTS][BLOCK] = {};
        std::vector<T> scratch(g.kept ? 0 : SEGMENT * BLOCK);
        load_weights(chain, count, w);
        load(g.final, chain, count, adjoint);
        load(g.last, chain, count, state);
        for (Index from = (segments() - 1) * SEGMENT; from >= 0; from -= SEGMENT) {
            const Index to = std::min(sizes.length, from + SEGMENT);
            const T* before = from ? g.states + from / SEGMENT * STATES * chains() : initial;
            const T* kept = g.kept ? g.kept + chain : nullptr;
            Index stride = chains(), lowest = 0;
            if (!kept) {
                load(before, chain, count, state);
                run<false, true>(chain, count, from, to, w, state, nullptr, scratch.data() - from * BLOCK, BLOCK);
                kept = scratch.data() - from * BLOCK, stride = BLOCK, lowest = from;
            } else if (to < sizes.length) {
                load(g.states + to / SEGMENT * STATES * chains(), chain, count, state);
            }
            for (Index i = 0; i < count; ++i) {
                T si[STATES];
                for (int k = 0; k < STATES; ++k) si[k] = before[k * chains() + chain + i];
                first[i] = Step::kept(si);
            }
            for (int k = 0; k < WEIGHTS; ++k) std::fill_n(dweight[k], count, T(0));
            for (int k = 0; k < Step::CARRIES; ++k) std::fill_n(carry[k], count, T(0));
            for (Index t = to - 1; t >= from; --t) {
                const T* h = t > from ? kept + (t - 1) * stride : first;
                const T* h_later = kept + std::max(t - 1 - steps_ahead(count), lowest) * stride;
                if (g.output.data) back<true>(g, chain, count, t, w, h, h_later, state, adjoint, carry, dweight);
                else back<false>(g, chain, count, t, w, h, h_later, state, adjoint, carry, dweight);
            }
            for (int k = 0; k < Step::CARRIES; ++k)
                for (Index i = 0; i < count; ++i) adjoint[k][i] += carry[k][i];
            for (int k = 0; k < WEIGHTS; ++k)
                for (Index i = 0; i < count; ++i) sum[k][i] += double(dweight[k][i]);
        }
        save(adjoint, chain, count, g.initial);
        for (int k = 0; k < WEIGHTS; ++k) std::copy_n(sum[k], count, g.weight + k * chains() + chain);
        written();
    }

    // One step back; h is what was kept of the step before, h_later what will be asked for.
    template <bool OUTPUT>
    STEP_INLINE void back(const Gradients<T, INPUTS>& g, Index chain, Index count, Index t, const Row* w, const T* h,
              const T* h_later, Row* state, Row* adjoint, Row* carry, Row* dweight) const {
        const Index ahead = std::min(steps_ahead(count), t);
        const T* x[INPUTS];
        T* dx[INPUTS];
        bool past = large();
        for (int k = 0; k < INPUTS; ++k) {
            x[k] = input[k].at(t) + offset(chain, input[k].row);
            dx[k] = g.input[k].at(t) + offset(chain, g.input[k].row);
            past = past && starts_line(dx[k]);
        }
        const T* dout = OUTPUT ? g.output.at(t) + offset(chain, g.output.row) : nullptr;
        over_lines(count, [&](Index first, auto lanes) __attribute__((always_inline)) {
            for (int k = 0; k < Step::READ_AGAIN; ++k) prefetch(x[k] - ahead * input[k].step + first);
            prefetch(h_later + first);
            if (OUTPUT) prefetch(dout - ahead * g.output.step + first);
            alignas(LINE) T given[INPUTS][LANES];
            INDEPENDENT
            for (Index j = 0; j < lanes; ++j) {
                const Index i = first + j;
                T xi[INPUTS], wi[WEIGHTS], si[STATES], ai[STATES], ci[CARRIES], dxi[INPUTS], dwi[WEIGHTS];
                for (int k = 0; k < Step::CARRIES; ++k) ci[k] = carry[k][i];
                for (int k = 0; k < INPUTS; ++k) xi[k] = x[k][i];
                for (int k = 0; k < WEIGHTS; ++k) wi[k] = w[k][i], dwi[k] = dweight[k][i];
                for (int k = 0; k < STATES; ++k) si[k] = state[k][i], ai[k] = adjoint[k][i];
                step.backward(xi, wi, h[i], OUTPUT ? dout[i] : T(0), si, ai, ci, dxi, dwi);
                for (int k = 0; k < Step::CARRIES; ++k) carry[k][i] = ci[k];
                for (int k = 0; k < INPUTS; ++k) given[k][j] = dxi[k];
                for (int k = 0; k < WEIGHTS; ++k) dweight[k][i] = dwi[k];
                for (int k = 0; k < STATES; ++k) state[k][i] = si[k], adjoint[k][i] = ai[k];
            }
            for (int k = 0; k < INPUTS; ++k) write(given[k], lanes, dx[k] + first, past);
        });
    }
};
