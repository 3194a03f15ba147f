// A sequence of steps, forward and backward, over all chains: a chain is one unit of one sequence of a batch.
//
// Chains are cut into blocks whose states fit the first cache. A thread takes a lot of them, as many as its second cache
// holds the states of, through time together: a few steps of one block, the same steps of the next. So it goes through
// memory nearly in order, which is a quarter faster than one block after the other through all of time. What a chain gives
// doesn't depend on its block, and sums over the batch are taken in the order of the batch: the results are the same, bit
// for bit, for every number of threads.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
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
constexpr Index LOT = 16;       // most blocks of a lot
constexpr Index TILE = 4;       // steps of a block before it is the turn of the next
constexpr Index SEGMENT = 64;   // steps between two stored states, from which the backward sweep starts again
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

struct Block {
    Index chain, count;  // the first chain, and how many
};

// Calls work(blocks, many) for lots of up to `most` blocks; a block doesn't cross from one sequence to the next unless
// `together`.
template <class Work> void over_lots(const Sizes& sizes, bool together, Index most, const Work& work) {
    const Index width = together ? sizes.batch * sizes.width : sizes.width;
    const Index rows = together ? 1 : sizes.batch, units = (width + UNIT - 1) / UNIT;
    in_threads(rows * units, sizes.threads, [&](Index first, Index last) {
        Block blocks[LOT];
        Index many = 0;
        for (Index unit = first; unit < last;) {
            const Index row = unit / units, from = unit % units;
            const Index to = std::min({units, from + last - unit, from + BLOCK / UNIT});
            blocks[many++] = {row * width + from * UNIT, std::min(width, to * UNIT) - from * UNIT};
            unit += to - from;
            if (many == most || unit == last) work(blocks, many), many = 0;
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
        over_lots(sizes, side_by_side(), LOT, [&](const Block* blocks, Index many) {
            Room<Front> fronts(many);
            for (Index b = 0; b < many; ++b) {
                load_weights(blocks[b], fronts[b].w);
                load(initial, blocks[b], fronts[b].state);
            }
            const Index tile = many > 1 ? TILE : SEGMENT;
            for (Index from = 0; from < sizes.length; from += SEGMENT) {
                for (Index b = 0; b < many; ++b) {
                    if (left.states) save(fronts[b].state, blocks[b], left.states + from / SEGMENT * STATES * chains());
                    fronts[b].rest();
                }
                const Index to = std::min(sizes.length, from + SEGMENT);
                for (Index t = from; t < to; t += tile)
                    for (Index b = 0; b < many; ++b) {
                        const Turns turns{blocks, many, b, t, std::min(t + tile, to), sizes.length};
                        const Index chain = blocks[b].chain;
                        if (left.kept)
                            run<true, true>(turns, fronts[b], left.output + chain, left.kept + chain, chains());
                        else run<true, false>(turns, fronts[b], left.output + chain, nullptr, chains());
                    }
            }
            for (Index b = 0; b < many; ++b) save(fronts[b].state, blocks[b], left.final);
            written();
        });
    }

    void backward(const Gradients<T, INPUTS>& g) const {
        bool together = side_by_side() && (!g.output.data || g.output.row == sizes.width);
        for (int k = 0; k < INPUTS; ++k) together = together && g.input[k].row == sizes.width;
        over_lots(sizes, together, g.kept ? LOT : 1,
                  [&](const Block* blocks, Index many) { backward_lot(g, blocks, many); });
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

    // What a block needs on its way forward, and on its way back.
    struct alignas(LINE) Front {
        Row w[WEIGHTS], state[STATES], carry[CARRIES];
        void rest() {
            for (int k = 0; k < Step::CARRIES; ++k) std::fill_n(carry[k], BLOCK, T(0));
        }
    };
    struct alignas(LINE) Back : Front {
        Row adjoint[STATES], dweight[WEIGHTS], first;
        double sum[WEIGHTS][BLOCK];
    };

    // The steps from `from` to `to` of one block of a lot, and what is to be asked for at each: what will be read a little
    // later, of this block, or of the next one, or of the first one in the steps after.
    struct Turns {
        const Block* blocks;
        Index many, block, from, to, length;
        Index ahead = std::max(Index(1), AHEAD / blocks[block].count);
        struct Turn {
            Index chain, t;
        };
        Index chain() const { return blocks[block].chain; }
        Index count() const { return blocks[block].count; }
        Turn later(Index t) const {
            if (many == 1) return {chain(), std::min(t + ahead, length - 1)};
            const Index steps = to - from, there = t + std::min(ahead, steps);
            if (there < to) return {chain(), there};
            if (block + 1 < many) return {blocks[block + 1].chain, there - steps};
            return {blocks[0].chain, std::min(there, length - 1)};
        }
        Turn earlier(Index t) const {
            if (many == 1) return {chain(), std::max(t - ahead, Index(0))};
            const Index steps = to - from, there = t - std::min(ahead, steps);
            if (there >= from) return {chain(), there};
            if (block + 1 < many) return {blocks[block + 1].chain, there + steps};
            return {blocks[0].chain, std::max(there, Index(0))};
        }
    };

    // Room for the blocks of a lot; for one of them without asking the system.
    template <class Part> struct Room {
        Part one;
        std::unique_ptr<Part[]> more;
        Part* parts;
        explicit Room(Index many) : more(many > 1 ? new Part[many] : nullptr), parts(many > 1 ? more.get() : &one) {}
        Part& operator[](Index b) { return parts[b]; }
    };

    Index offset(Index chain, Index row) const { return chain / sizes.width * row + chain % sizes.width; }

    void load_weights(const Block& block, Row* into) const {
        for (int k = 0; k < WEIGHTS; ++k)
            for (Index i = 0; i < block.count; ++i)
                into[k][i] = weight[k * sizes.width + (block.chain + i) % sizes.width];
    }

    void load(const T* from, const Block& block, Row* state) const {
        for (int k = 0; k < STATES; ++k) std::copy_n(from + k * chains() + block.chain, block.count, state[k]);
    }

    void save(const Row* state, const Block& block, T* to) const {
        for (int k = 0; k < STATES; ++k) std::copy_n(state[k], block.count, to + k * chains() + block.chain);
    }

    // A few steps; step t leaves its output at output + t * stride and what it keeps likewise.
    template <bool OUTPUT, bool KEPT>
    void run(const Turns& turns, Front& __restrict front, T* output, T* kept, Index stride) const {
        const Index chain = turns.chain(), count = turns.count();
        const Step own = step;
        const auto& w = front.w;
        auto& state = front.state;
        auto& carry = front.carry;
        for (Index t = turns.from; t < turns.to; ++t) {
            const auto later = turns.later(t);
            const T* asked[INPUTS];
            for (int k = 0; k < INPUTS; ++k) asked[k] = input[k].at(later.t) + offset(later.chain, input[k].row);
            const T* x[INPUTS];
            for (int k = 0; k < INPUTS; ++k) x[k] = input[k].at(t) + offset(chain, input[k].row);
            T* out = OUTPUT ? output + t * stride : nullptr;
            T* keep = KEPT ? kept + t * stride : nullptr;
            const bool past = OUTPUT && large() && starts_line(out) && (!KEPT || starts_line(keep));
            over_lines(count, [&](Index first, auto lanes) __attribute__((always_inline)) {
                for (int k = 0; k < INPUTS; ++k) prefetch(asked[k] + first);
                alignas(LINE) T values[LANES], saved[LANES];
                INDEPENDENT
                for (Index j = 0; j < lanes; ++j) {
                    const Index i = first + j;
                    T xi[INPUTS], wi[WEIGHTS], si[STATES], ci[CARRIES];
                    for (int k = 0; k < Step::CARRIES; ++k) ci[k] = carry[k][i];
                    for (int k = 0; k < INPUTS; ++k) xi[k] = x[k][i];
                    for (int k = 0; k < WEIGHTS; ++k) wi[k] = w[k][i];
                    for (int k = 0; k < STATES; ++k) si[k] = state[k][i];
                    values[j] = own.forward(xi, wi, si, ci);
                    for (int k = 0; k < Step::CARRIES; ++k) carry[k][i] = ci[k];
                    for (int k = 0; k < STATES; ++k) state[k][i] = si[k];
                    if (KEPT) saved[j] = Step::kept(si);
                }
                if (OUTPUT) write(values, lanes, out + first, past);
                if (KEPT) write(saved, lanes, keep + first, past);
            });
        }
    }

    void backward_lot(const Gradients<T, INPUTS>& g, const Block* blocks, Index many) const {
        Room<Back> backs(many);
        const Index tile = many > 1 ? TILE : SEGMENT;
        std::vector<T> scratch(g.kept ? 0 : SEGMENT * BLOCK);
        for (Index b = 0; b < many; ++b) {
            load_weights(blocks[b], backs[b].w);
            load(g.final, blocks[b], backs[b].adjoint);
            load(g.last, blocks[b], backs[b].state);
            for (int k = 0; k < WEIGHTS; ++k) std::fill_n(backs[b].sum[k], BLOCK, 0.0);
        }
        for (Index from = (segments() - 1) * SEGMENT; from >= 0; from -= SEGMENT) {
            const Index to = std::min(sizes.length, from + SEGMENT);
            const T* before = from ? g.states + from / SEGMENT * STATES * chains() : initial;
            for (Index b = 0; b < many; ++b) {
                Back& back = backs[b];
                if (!g.kept) {
                    load(before, blocks[b], back.state);
                    back.rest();
                    run<false, true>({blocks, 1, 0, from, to, sizes.length}, back, nullptr, scratch.data() - from * BLOCK,
                                     BLOCK);
                } else if (to < sizes.length) {
                    load(g.states + to / SEGMENT * STATES * chains(), blocks[b], back.state);
                }
                for (Index i = 0; i < blocks[b].count; ++i) {
                    T si[STATES];
                    for (int k = 0; k < STATES; ++k) si[k] = before[k * chains() + blocks[b].chain + i];
                    back.first[i] = Step::kept(si);
                }
                for (int k = 0; k < WEIGHTS; ++k) std::fill_n(back.dweight[k], blocks[b].count, T(0));
                back.rest();
            }
            for (Index t = from + (to - 1 - from) / tile * tile; t >= from; t -= tile)
                for (Index b = 0; b < many; ++b) {
                    const Turns turns{blocks, many, b, t, std::min(t + tile, to), sizes.length};
                    if (g.output.data) back<true>(g, turns, from, backs[b], scratch.data());
                    else back<false>(g, turns, from, backs[b], scratch.data());
                }
            for (Index b = 0; b < many; ++b) {
                for (int k = 0; k < Step::CARRIES; ++k)
                    for (Index i = 0; i < blocks[b].count; ++i) backs[b].adjoint[k][i] += backs[b].carry[k][i];
                for (int k = 0; k < WEIGHTS; ++k)
                    for (Index i = 0; i < blocks[b].count; ++i) backs[b].sum[k][i] += double(backs[b].dweight[k][i]);
            }
        }
        for (Index b = 0; b < many; ++b) {
            save(backs[b].adjoint, blocks[b], g.initial);
            for (int k = 0; k < WEIGHTS; ++k)
                std::copy_n(backs[b].sum[k], blocks[b].count, g.weight + k * chains() + blocks[b].chain);
        }
        written();
    }

    // A few steps back, of the segment that begins at step `start`.
    template <bool OUTPUT>
    STEP_INLINE void back(const Gradients<T, INPUTS>& g, const Turns& turns, Index start, Back& of, const T* scratch) const {
        for (Index t = turns.to - 1; t >= turns.from; --t) {
            const auto earlier = turns.earlier(t);
            const T *h = of.first, *h_asked = nullptr;
            if (g.kept) {
                if (t > start) h = g.kept + (t - 1) * chains() + turns.chain();
                h_asked = g.kept + std::max(earlier.t - 1, Index(0)) * chains() + earlier.chain;
            } else {
                if (t > start) h = scratch + (t - 1 - start) * BLOCK;
                h_asked = h;
            }
            back_one<OUTPUT>(g, turns.chain(), turns.count(), t, earlier, h, h_asked, of);
        }
    }

    // One step back; h is what was kept of the step before, h_asked what will be read of such. (Not inlined, so that the
    // compiler takes __restrict at its word: else it looks at every line whether the block lies among the streams.)
    template <bool OUTPUT>
    __attribute__((noinline)) void back_one(const Gradients<T, INPUTS>& g, Index chain, Index count, Index t,
                              const typename Turns::Turn& earlier, const T* h, const T* h_asked, Back& __restrict of) const {
        const Step own = step;
        const auto& w = of.w;
        auto& state = of.state;
        auto& adjoint = of.adjoint;
        auto& dweight = of.dweight;
        auto& carry = of.carry;
        const T* asked[INPUTS];
        for (int k = 0; k < INPUTS; ++k) asked[k] = input[k].at(earlier.t) + offset(earlier.chain, input[k].row);
        const T* dout_asked = OUTPUT ? g.output.at(earlier.t) + offset(earlier.chain, g.output.row) : nullptr;
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
            for (int k = 0; k < Step::READ_AGAIN; ++k) prefetch(asked[k] + first);
            prefetch(h_asked + first);
            if (OUTPUT) prefetch(dout_asked + first);
            alignas(LINE) T given[INPUTS][LANES];
            INDEPENDENT
            for (Index j = 0; j < lanes; ++j) {
                const Index i = first + j;
                T xi[INPUTS], wi[WEIGHTS], si[STATES], ai[STATES], ci[CARRIES], dxi[INPUTS], dwi[WEIGHTS];
                for (int k = 0; k < Step::CARRIES; ++k) ci[k] = carry[k][i];
                for (int k = 0; k < INPUTS; ++k) xi[k] = x[k][i];
                for (int k = 0; k < WEIGHTS; ++k) wi[k] = w[k][i], dwi[k] = dweight[k][i];
                for (int k = 0; k < STATES; ++k) si[k] = state[k][i], ai[k] = adjoint[k][i];
                own.backward(xi, wi, h[i], OUTPUT ? dout[i] : T(0), si, ai, ci, dxi, dwi);
                for (int k = 0; k < Step::CARRIES; ++k) carry[k][i] = ci[k];
                for (int k = 0; k < INPUTS; ++k) given[k][j] = dxi[k];
                for (int k = 0; k < WEIGHTS; ++k) dweight[k][i] = dwi[k];
                for (int k = 0; k < STATES; ++k) state[k][i] = si[k], adjoint[k][i] = ai[k];
            }
            for (int k = 0; k < INPUTS; ++k) write(given[k], lanes, dx[k] + first, past);
        });
    }
};
