// The elementwise recurrences on CUDA: one thread takes one chain (one unit of one sequence) through all of time.
//
// The step is that of the CPU. The options (variants.py) name the types: SWEEP_STEP is the step, SWEEP_T what it
// computes in, SWEEP_IN what the inputs and their gradients are in memory, SWEEP_OUT what the output, its gradient and
// that which is kept of every step are.
//
// Neighbouring threads are neighbouring units, so that a warp reads and writes whole lines. What a step reads was asked
// for AHEAD steps earlier and waits in registers: the addresses depend on no result. Loads for steps that don't exist
// are clamped to ones that do, which keeps branches out of the loops. There is no shared memory, no synchronisation and
// no atomic operation: threads never meet, and results are the same, bit for bit, at every launch.
#include "memory.h"

constexpr int SEGMENT = 64;  // steps between two stored states, as in ../source/sweep.h
constexpr int TOGETHER = 32; // sequences whose gradients of a weight one thread adds up

template <bool FIRST, class A, class B> struct Either {
    typedef A Type;
};
template <class A, class B> struct Either<false, A, B> {
    typedef B Type;
};

typedef SWEEP_STEP Step;
enum { INPUTS = Step::INPUTS, WEIGHTS = Step::WEIGHTS, STATES = Step::STATES };
enum { CARRIES = Step::CARRIES ? Step::CARRIES : 1 };  // an array has a size
enum { GATES = INPUTS == 4 ? 3 : 1 };                  // inputs side by side in one tensor; a fourth is the highway
enum { KEEPS = INPUTS == 4 };                          // what is kept isn't the output
enum { AHEAD = 64 / sizeof(T) / (INPUTS == 4 ? 2 : 1) };  // steps: what registers hold, and longer than memory takes
static_assert(SEGMENT % AHEAD == 0, "segments are whole numbers of chunks");

STEP_INLINE int least(int a, int b) { return a < b ? a : b; }
STEP_INLINE int most(int a, int b) { return a > b ? a : b; }

template <class S> STEP_INLINE auto made(T alpha, T rest, int) -> decltype(S{alpha, rest}) { return S{alpha, rest}; }
template <class S> STEP_INLINE S made(T, T, long) { return S{}; }

// The inputs of one chain at every step.
struct Streams {
    const In *gates, *skip;
    Index gates_step, skip_step, width;

    STEP_INLINE void load(int t, T* x) const {
        const In* at = gates + t * gates_step;
        for (int k = 0; k < GATES; ++k) x[k] = read(at + k * width);
        if (INPUTS > GATES) x[INPUTS - 1] = read(skip + t * skip_step);
    }

    STEP_INLINE Streams from(int t) const {
        return Streams{gates + t * gates_step, skip + t * skip_step, gates_step, skip_step, width};
    }

    // The first step, which is then the one after it: an addition, where `load` multiplies.
    STEP_INLINE void load_next(T* x) {
        load(0, x);
        gates += gates_step, skip += skip_step;
    }
};

// One chain: where it lies, and what its steps need all the time.
struct Chain {
    Index number, chains, row, unit;
    T weight[WEIGHTS];

    // `thread` has 32 bits: wider divisions are calls.
    STEP_INLINE Chain(unsigned thread, Index batch, Index width) {
        number = thread, chains = batch * width;
        row = thread / unsigned(width), unit = thread % unsigned(width);
    }

    STEP_INLINE void load_weights(const T* from, Index width) {
        for (int k = 0; k < WEIGHTS; ++k) weight[k] = read(from + k * width + unit);
    }

    STEP_INLINE void load(const T* from, T* state) const {
        for (int k = 0; k < STATES; ++k) state[k] = read(from + k * chains + number);
    }

    STEP_INLINE void save(const T* state, T* to) const {
        for (int k = 0; k < STATES; ++k) to[k * chains + number] = state[k];
    }
};

STEP_INLINE void clear(T* values, int count) {
    for (int k = 0; k < count; ++k) values[k] = T(0);
}

// The steps from `base` on, as many as slots and before `end`; x holds the inputs of step t in slot t % AHEAD and is
// filled for later steps: with MORE from `next` on, which all exist, else from those before `end`. Calls
// each(t, output, state).
template <bool WHOLE, bool MORE, class Each>
STEP_INLINE void chunk(const Step& step, const Streams& in, T (*x)[INPUTS], int base, int end, Streams& next,
                       const T* weight, T* state, T* carry, const Each& each) {
#pragma unroll
    for (int j = 0; j < AHEAD; ++j) {
        const int t = base + j;
        if (!WHOLE && t >= end) return;
        T now[INPUTS];
        for (int k = 0; k < INPUTS; ++k) now[k] = x[j][k];
        if (MORE) next.load_next(x[j]);
        else in.load(least(t + AHEAD, end - 1), x[j]);
        const T output = step.forward(now, weight, state, carry);
        each(t, output, state);
    }
}

// The steps of a stretch that begins at a multiple of AHEAD. Calls start(base) before every chunk.
template <class Start, class Each>
STEP_INLINE void steps(const Step& step, const Streams& in, int from, int end, const T* weight, T* state, T* carry,
                       const Start& start, const Each& each) {
    T x[AHEAD][INPUTS];
#pragma unroll
    for (int j = 0; j < AHEAD; ++j) in.load(least(from + j, end - 1), x[j]);
    int base = from;
    Streams next = in.from(from + AHEAD);
    for (; base + 2 * AHEAD <= end; base += AHEAD) {
        start(base);
        chunk<true, true>(step, in, x, base, end, next, weight, state, carry, each);
    }
    for (; base < end; base += AHEAD) {
        start(base);
        chunk<false, false>(step, in, x, base, end, next, weight, state, carry, each);
    }
}

// Leaves what Left in ../source/sweep.h tells of; `kept` and `states` may be null.
PARALLEL forward(const In* input, Index input_step, Index input_row, const In* skip, Index skip_step, Index skip_row,
                 const T* weight, const T* initial, Out* output, Out* kept, T* states, T* last, T alpha, T rest,
                 Index length, Index batch, Index width) {
    Chain chain(thread_number(), batch, width);
    if (chain.number >= chain.chains) return;
    const Step step = made<Step>(alpha, rest, 0);
    const Streams in{input + chain.row * input_row + chain.unit, skip + chain.row * skip_row + chain.unit, input_step,
                     skip_step, width};
    chain.load_weights(weight, width);
    T state[STATES], carry[CARRIES];
    chain.load(initial, state);
    output += chain.number;
    if (KEEPS && kept) kept += chain.number;
    steps(
        step, in, 0, int(length), chain.weight, state, carry,
        [&](int base) {
            if (base % SEGMENT) return;
            clear(carry, CARRIES);
            if (states) chain.save(state, states + base / SEGMENT * STATES * chain.chains);
        },
        [&](int, T value, const T* after) {
            write(output, value);
            output += chain.chains;
            if (KEEPS && kept) {
                write(kept, Step::kept(after));
                kept += chain.chains;
            }
        });
    chain.save(state, last);
}

// What one chain's sweep backward holds from step to step.
struct Adjoint {
    T state[STATES], adjoint[STATES], carry[CARRIES], weight[WEIGHTS];
};

// What a sweep backward reads and writes beside the inputs, of one chain. KEPT is the type of what is kept in memory.
template <class KEPT> struct Around {
    const KEPT* kept;
    const Out* output;
    In *d_gates, *d_skip;
    Index kept_step, output_step, d_gates_step, d_skip_step, width;

    // Where `save` begins: at the last step of a stretch.
    STEP_INLINE void begin(int last) { d_gates += last * d_gates_step, d_skip += last * d_skip_step; }

    // Of a step, and the next time of the one before it.
    STEP_INLINE void save(const T* dx) {
        for (int k = 0; k < GATES; ++k) write(d_gates + k * width, dx[k]);
        d_gates -= d_gates_step;
        if (INPUTS > GATES) {
            write(d_skip, dx[INPUTS - 1]);
            d_skip -= d_skip_step;
        }
    }

    // What was kept is written by this very thread where memory is saved: no load that may pass a store by.
    STEP_INLINE T before(int t, int lowest) const { return widened(kept[most(t - 1, lowest) * kept_step]); }
};

// Where that of a step lies; `back` goes to the one before it.
template <class KEPT> struct Behind {
    Streams in;
    const KEPT* kept;
    const Out* output;

    STEP_INLINE Behind(const Streams& all, const Around<KEPT>& around, int t)
        : in(all.from(t)), kept(around.kept + (t - 1) * around.kept_step), output(around.output + t * around.output_step) {}

    STEP_INLINE void back(const Around<KEPT>& around) {
        in.gates -= in.gates_step, in.skip -= in.skip_step;
        kept -= around.kept_step, output -= around.output_step;
    }
};

template <class KEPT> struct Slots {
    T x[AHEAD][INPUTS], kept[AHEAD], output[AHEAD];

    STEP_INLINE void fill(const Streams& in, const Around<KEPT>& around, int j, int t, int lowest) {
        fill_outside(in, around, j, most(t, 0));
        kept[j] = around.before(t, lowest);
    }

    STEP_INLINE void fill_from(const Behind<KEPT>& there, int j) {
        if (Step::READ_AGAIN) there.in.load(0, x[j]);
        kept[j] = widened(*there.kept), output[j] = read(there.output);
    }

    STEP_INLINE void fill_outside(const Streams& in, const Around<KEPT>& around, int j, int t) {
        if (Step::READ_AGAIN) in.load(t, x[j]);
        output[j] = read(around.output + t * around.output_step);
    }
};

// The steps from `end` or the last slot down to `base`; `first` is what was kept before step `lowest`. Slots are filled
// for earlier steps, with MORE from `behind` on, where all exist. Calls each(x, kept, d_output).
template <bool WHOLE, bool MORE, class KEPT, class Each>
STEP_INLINE void chunk_back(const Streams& in, const Around<KEPT>& around, Slots<KEPT>& slots, Behind<KEPT>& behind,
                            int base, int end, int lowest, T first, const Each& each) {
#pragma unroll
    for (int j = AHEAD - 1; j >= 0; --j) {
        const int t = base + j;
        if (!WHOLE && t >= end) continue;
        T now[INPUTS];
        for (int k = 0; k < INPUTS; ++k) now[k] = Step::READ_AGAIN ? slots.x[j][k] : T(0);
        const T h = !MORE && j == 0 && t == lowest ? first : slots.kept[j], g = slots.output[j];
        if (MORE) slots.fill_from(behind, j), behind.back(around);
        else slots.fill(in, around, j, t - AHEAD, lowest);
        each(now, h, g);
    }
}

// The steps of a stretch from `end` down to `from`, a multiple of AHEAD, whose slots are filled where `fill` says so.
template <class KEPT, class Each>
STEP_INLINE void steps_back(const Streams& in, const Around<KEPT>& around, Slots<KEPT>& slots, bool fill, int from,
                            int end, int lowest, T first, const Each& each) {
    int base = (end - 1) / AHEAD * AHEAD;
    if (fill) {
#pragma unroll
        for (int j = 0; j < AHEAD; ++j)
            slots.fill(in, around, j, base + j < end ? base + j : base + j - AHEAD, lowest);
    }
    Behind<KEPT> behind(in, around, most(base - 1, 1));
    if (base + AHEAD > end) {
        chunk_back<false, false>(in, around, slots, behind, base, end, lowest, first, each);
        base -= AHEAD;
    }
    behind = Behind<KEPT>(in, around, most(base - 1, 1));
    for (; base >= from && base >= lowest + 2 * AHEAD; base -= AHEAD)
        chunk_back<true, true>(in, around, slots, behind, base, end, lowest, first, each);
    for (; base >= from; base -= AHEAD)
        chunk_back<true, false>(in, around, slots, behind, base, end, lowest, first, each);
}

// The sweep back of one chain. With LOW, what was kept of a segment's steps is worked out again into `scratch`
// (SEGMENT, N, H) before its gradients, from the states at its beginning.
template <bool LOW>
STEP_INLINE void sweep_back(const Step& step, const Streams& in, Chain& chain, const Out* kept, T* scratch,
                            const T* initial, const T* states, Around<typename Either<LOW, T, Out>::Type> around,
                            int length, Adjoint& at, T* sum) {
    typedef typename Either<LOW, T, Out>::Type KEPT;
    Slots<KEPT> slots;
    T carried[WEIGHTS];
    Around<KEPT> to = around;
    to.begin(length - 1);
    clear(carried, WEIGHTS), clear(sum, WEIGHTS);
    for (int from = (length - 1) / SEGMENT * SEGMENT; from >= 0; from -= SEGMENT) {
        const int end = least(length, from + SEGMENT), lowest = LOW ? from : 0;
        T before[STATES];
        chain.load(from ? states + from / SEGMENT * STATES * chain.chains : initial, before);
        const T first = LOW || from == 0 ? Step::kept(before) : T(0);
        if (LOW) {
            T state[STATES], carry[CARRIES];
            for (int k = 0; k < STATES; ++k) state[k] = before[k];
            clear(carry, CARRIES);
            T* own = scratch + chain.number;
            steps(
                step, in, from, end, chain.weight, state, carry, [](int) {},
                [&](int t, T, const T* after) { own[(t - from) * chain.chains] = Step::kept(after); });
            around.kept = reinterpret_cast<const KEPT*>(own) - from * chain.chains;
        }
        clear(at.weight, WEIGHTS), clear(at.carry, CARRIES);
        steps_back(in, around, slots, LOW || end == length, from, end, lowest, first,
                   [&](const T* x, T h, T g) {
                       T dx[INPUTS];
                       step.backward(x, chain.weight, h, g, at.state, at.adjoint, at.carry, dx, at.weight);
                       to.save(dx);
                   });
        for (int k = 0; k < Step::CARRIES; ++k) at.adjoint[k] += at.carry[k];
        for (int k = 0; k < WEIGHTS; ++k) add<T>(sum[k], carried[k], at.weight[k]);
        for (int k = 0; k < STATES; ++k) at.state[k] = before[k];
    }
    for (int k = 0; k < WEIGHTS; ++k) sum[k] += carried[k];
}

// Gives what Gradients in ../source/sweep.h tells of; `kept` is read with LOW = false only, `scratch` with LOW = true
// only. `d_input` and `d_skip` are contiguous; `sums` is (WEIGHTS, N, H).
template <bool LOW>
STEP_INLINE void backward_of(const In* input, Index input_step, Index input_row, const In* skip, Index skip_step,
                             Index skip_row, const T* weight, const T* initial, const Out* kept, T* scratch,
                             const T* states, const T* last, const Out* d_output, Index output_step, Index output_row,
                             const T* d_last, In* d_input, In* d_skip, T* sums, T* d_initial, T alpha, T rest,
                             Index length, Index batch, Index width) {
    typedef typename Either<LOW, T, Out>::Type KEPT;
    Chain chain(thread_number(), batch, width);
    if (chain.number >= chain.chains) return;
    const Step step = made<Step>(alpha, rest, 0);
    const Streams in{input + chain.row * input_row + chain.unit, skip + chain.row * skip_row + chain.unit, input_step,
                     skip_step, width};
    chain.load_weights(weight, width);
    Around<KEPT> around;
    around.kept = LOW ? nullptr : reinterpret_cast<const KEPT*>(kept) + chain.number;
    around.output = d_output + chain.row * output_row + chain.unit;
    around.d_gates = d_input + chain.row * GATES * width + chain.unit, around.d_skip = d_skip + chain.number;
    around.kept_step = chain.chains, around.output_step = output_step;
    around.d_gates_step = chain.chains * GATES, around.d_skip_step = chain.chains, around.width = width;
    Adjoint at;
    chain.load(d_last, at.adjoint);
    chain.load(last, at.state);
    T sum[WEIGHTS];
    sweep_back<LOW>(step, in, chain, kept, scratch, initial, states, around, int(length), at, sum);
    chain.save(at.adjoint, d_initial);
    for (int k = 0; k < WEIGHTS; ++k) sums[k * chain.chains + chain.number] = sum[k];
}

#define BACKWARD(name, LOW) \
    PARALLEL name(const In* input, Index input_step, Index input_row, const In* skip, Index skip_step, Index skip_row, \
                  const T* weight, const T* initial, const Out* kept, T* scratch, const T* states, const T* last, \
                  const Out* d_output, Index output_step, Index output_row, const T* d_last, In* d_input, In* d_skip, \
                  T* sums, T* d_initial, T alpha, T rest, Index length, Index batch, Index width) { \
        backward_of<LOW>(input, input_step, input_row, skip, skip_step, skip_row, weight, initial, kept, scratch, \
                         states, last, d_output, output_step, output_row, d_last, d_input, d_skip, sums, d_initial, \
                         alpha, rest, length, batch, width); \
    }
BACKWARD(backward, false)
BACKWARD(backward_low, true)

// The sums of every TOGETHER rows, in their order: (count, rows, width) to (count, rows / TOGETHER rounded up, width).
PARALLEL add_rows(const T* from, T* to, Index count, Index rows, Index width) {
    const unsigned number = thread_number(), columns = unsigned(width);
    const unsigned groups = unsigned(rows + TOGETHER - 1) / TOGETHER;
    if (number >= count * groups * width) return;
    const unsigned column = number % columns, group = number / columns % groups, k = number / columns / groups;
    T total = 0, carry = 0;
#pragma unroll
    for (int r = 0; r < TOGETHER; ++r) {
        const Index row = Index(group) * TOGETHER + r, there = row < rows ? row : rows - 1;
        const T value = read(from + (k * rows + there) * width + column);
        add<T>(total, carry, row < rows ? value : T(0));
    }
    to[number] = total + carry;
}
