// UnICORNN's sweep forward parallel in time, for batches of too few chains to fill a GPU: a warp takes one chain, and
// each of its lanes up to 8 neighbouring steps of a chunk. The states of a chunk are found by Newton's iteration from
// rest, as in ../parallel/newton.py: the equations of all steps are linearised at a guess, what has to be added to the
// guess obeys an affine recurrence of two numbers, and the lanes solve that by a scan. As corrections are scanned, the
// states are as exact as the residuals: differences of neighbouring states, which are exact where it matters, and one
// product that is not rounded. From a chunk on that does not converge, and where it would not pay, steps are taken in turn.
//
// The lanes of a warp meet in shuffles only. What is done by all of them is written as EACH_LANE, which on a host is a
// loop over lanes whose values are kept side by side; a shuffle reads there what all lanes had before the loop.

enum { LANES = 32, MOST_ITERATIONS = 12 };

template <class N> struct Enough;  // a correction that is smaller, relative to the largest state, is the last one
template <> struct Enough<float> {
    static constexpr float value = 1e-5f;
};
template <> struct Enough<double> {
    static constexpr double value = 1e-10;
};

template <int COUNT> struct Numbers {
    T v[COUNT];
};
typedef Numbers<2> Pair;   // y and z
typedef Numbers<4> Sizes;  // the largest of the corrections of y and z, and of y and z
typedef Numbers<6> Map;    // (p, q) -> (p + v0 p + v1 q + v4, q + v2 p + v3 q + v5): v0 to v3 are small beside 1

#if defined(__CUDACC__)
enum { HELD = 1 };  // lanes whose values this thread holds
#define EACH_LANE(l) for (int l = threadIdx.x % LANES, once = 1; once; once = 0)
STEP_INLINE bool writes() { return threadIdx.x % LANES == 0; }
STEP_INLINE bool idle() { return false; }
STEP_INLINE int held(int) { return 0; }
template <int COUNT> STEP_INLINE Numbers<COUNT> from_lane(const Numbers<COUNT>* all, int lane) {
    Numbers<COUNT> result;
#pragma unroll
    for (int i = 0; i < COUNT; ++i) result.v[i] = __shfl_sync(0xffffffffu, all[0].v[i], lane);
    return result;
}
STEP_INLINE bool in_all_lanes(bool value) { return __all_sync(0xffffffffu, value); }  // known to be alike
STEP_INLINE float fused(float a, float b, float c) { return fmaf(a, b, c); }
STEP_INLINE double fused(double a, double b, double c) { return fma(a, b, c); }
STEP_INLINE float over_root(float x) { return rsqrtf(x); }
STEP_INLINE double over_root(double x) { return rsqrt(x); }
#else
enum { HELD = LANES };
#define EACH_LANE(l) for (int l = 0; l < LANES; ++l)
STEP_INLINE bool writes() { return true; }
STEP_INLINE bool idle() { return threadIdx.x % LANES != 0; }  // the first thread of a warp does the work of all
STEP_INLINE int held(int lane) { return lane; }
template <int COUNT> STEP_INLINE Numbers<COUNT> from_lane(const Numbers<COUNT>* all, int lane) { return all[lane]; }
STEP_INLINE bool in_all_lanes(bool value) { return value; }
STEP_INLINE float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
STEP_INLINE double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }
STEP_INLINE float over_root(float x) { return 1 / __builtin_sqrtf(x); }
STEP_INLINE double over_root(double x) { return 1 / __builtin_sqrt(x); }
#endif

// Both maps as one: `first`, then `second`.
STEP_INLINE Map joined(const Map& first, const Map& second) {
    const T *a = first.v, *b = second.v;
    return Map{{a[0] + b[0] + (b[0] * a[0] + b[1] * a[2]), a[1] + b[1] + (b[0] * a[1] + b[1] * a[3]),
                a[2] + b[2] + (b[2] * a[0] + b[3] * a[2]), a[3] + b[3] + (b[2] * a[1] + b[3] * a[3]),
                a[4] + (b[0] * a[4] + b[1] * a[5] + b[4]), a[5] + (b[2] * a[4] + b[3] * a[5] + b[5])}};
}

STEP_INLINE T size_of(T x) { return x < T(0) ? -x : x; }
STEP_INLINE T larger(T a, T b) { return a > b || a != a ? a : b; }  // NaN where one of them is

// The steps of one lane: what drives them, the guess of the states after them, and the equations there.
template <int STEPS> struct Lane {
    T x[STEPS], next[STEPS], y[STEPS], z[STEPS], pull[STEPS], missing_y[STEPS], missing_z[STEPS];

    // What drives the steps from `t` on, for the chunk after this one. Steps from `length` on change nothing.
    STEP_INLINE void load_next(const Streams& in, int t, int length) {
#pragma unroll
        for (int j = 0; j < STEPS; ++j) in.load(least(t + j, length - 1), next + j);
    }

    STEP_INLINE void begin() {
#pragma unroll
        for (int j = 0; j < STEPS; ++j) x[j] = next[j], y[j] = z[j] = T(0);
    }

    STEP_INLINE Pair end() const { return Pair{{y[STEPS - 1], z[STEPS - 1]}}; }

    // What has to be added to the guess, as a map from before these steps to after them.
    STEP_INLINE Map linearised(const Step& step, const T* weight, const Pair& before, int there) {
        const T w = weight[0], b = weight[2];
        T from_y = before.v[0], from_z = before.v[1];
        Map all = {{T(0), T(0), T(0), T(0), T(0), T(0)}};
#pragma unroll
        for (int j = 0; j < STEPS; ++j) {
            const T s = j < there ? weight[1] : T(0), f = quick_tanh(w * from_y + (x[j] + b));
            pull[j] = -(s * ((step.alpha + step.rest) + w * (T(1) - f * f)));
            missing_z[j] = fused(-s, step.pulled(f, from_y), from_z - z[j]);
            missing_y[j] = fused(s, z[j], from_y - y[j]);
            const Map one = {{s * pull[j], s, pull[j], T(0), fused(s, missing_z[j], missing_y[j]), missing_z[j]}};
            all = j ? joined(all, one) : one;
            from_y = y[j], from_z = z[j];
        }
        return all;
    }

    // Adds it, from what is added to the state before these steps.
    STEP_INLINE Sizes corrected(T s, T dy, T dz, int there) {
        Sizes found = {{T(0), T(0), T(0), T(0)}};
#pragma unroll
        for (int j = 0; j < STEPS; ++j) {
            dz += pull[j] * dy + missing_z[j];
            dy += (j < there ? s : T(0)) * dz + missing_y[j];
            y[j] += dy, z[j] += dz;
            const T now[4] = {size_of(dy), size_of(dz), size_of(y[j]), size_of(z[j])};
#pragma unroll
            for (int i = 0; i < 4; ++i) found.v[i] = larger(found.v[i], now[i]);
        }
        return found;
    }
};

// Where a chain's results go; what is null isn't wanted.
struct Results {
    Out *output, *kept;
    T* states;

    STEP_INLINE void save(const Chain& chain, int t, const T* before, const T* after) const {
        if (states && t % SEGMENT == 0) chain.save(before, states + t / SEGMENT * STATES * chain.chains);
        if (output) write(output + t * chain.chains + chain.number, after[0]);
        if (kept) write(kept + t * chain.chains + chain.number, Step::kept(after));
    }
};

// The lanes' guess for the steps from `base` on, improved until it is good enough; whether it became so.
template <int STEPS>
STEP_INLINE bool solved(const Step& step, const Chain& chain, Lane<STEPS>* lane, Pair* before, const T* state, int base,
                        int length) {
    Pair last[HELD];
    Map map[HELD], other[HELD];
    Sizes size[HELD], found[HELD];
    for (int iteration = 0; iteration < MOST_ITERATIONS; ++iteration) {
        EACH_LANE(l) last[held(l)] = lane[held(l)].end();
        EACH_LANE(l) {
            const Pair left = from_lane(last, most(l - 1, 0));
            before[held(l)] = l ? left : Pair{{state[0], state[1]}};
        }
        EACH_LANE(l)
        map[held(l)] =
            lane[held(l)].linearised(step, chain.weight, before[held(l)], length - (base + l * STEPS));
#pragma unroll
        for (int distance = 1; distance < LANES; distance *= 2) {
            EACH_LANE(l) other[held(l)] = from_lane(map, most(l - distance, 0));
            EACH_LANE(l) if (l >= distance) map[held(l)] = joined(other[held(l)], map[held(l)]);
        }
        EACH_LANE(l) other[held(l)] = from_lane(map, most(l - 1, 0));
        EACH_LANE(l) {
            const T dy = l ? other[held(l)].v[4] : T(0), dz = l ? other[held(l)].v[5] : T(0);
            size[held(l)] = lane[held(l)].corrected(chain.weight[1], dy, dz, length - (base + l * STEPS));
        }
#pragma unroll
        for (int distance = 1; distance < LANES; distance *= 2) {
            EACH_LANE(l) found[held(l)] = from_lane(size, l ^ distance);
            EACH_LANE(l)
            for (int i = 0; i < 4; ++i) size[held(l)].v[i] = larger(size[held(l)].v[i], found[held(l)].v[i]);
        }
        const T* v = size[0].v;  // the same in all lanes
        if (in_all_lanes(v[0] <= Enough<T>::value * v[2] && v[1] <= Enough<T>::value * v[3])) return true;
    }
    return false;
}

// The chunks of a sequence; returns the first step of one that did not converge, or `length`.
template <int STEPS>
STEP_INLINE int by_newton(const Step& step, const Streams& in, const Chain& chain, const Results& to, T* state,
                          int length) {
    Lane<STEPS> lane[HELD];
    Pair before[HELD], last[HELD];
    EACH_LANE(l) lane[held(l)].load_next(in, l * STEPS, length);
    for (int base = 0; base < length; base += LANES * STEPS) {
        EACH_LANE(l) {
            lane[held(l)].begin();
            lane[held(l)].load_next(in, base + (LANES + l) * STEPS, length);  // has the iterations to arrive
        }
        if (!solved<STEPS>(step, chain, lane, before, state, base, length)) return base;
        EACH_LANE(l) last[held(l)] = lane[held(l)].end();
        EACH_LANE(l) {
            const Pair left = from_lane(last, most(l - 1, 0));
            before[held(l)] = l ? left : Pair{{state[0], state[1]}};
        }
        EACH_LANE(l) {
            const Lane<STEPS>& own = lane[held(l)];
#pragma unroll
            for (int j = 0; j < STEPS; ++j) {
                const T after[STATES] = {own.y[j], own.z[j]};  // only the first step of a lane can begin a segment
                if (base + l * STEPS + j < length) to.save(chain, base + l * STEPS + j, before[held(l)].v, after);
            }
        }
        EACH_LANE(l) {
            const Pair end = from_lane(last, LANES - 1);
            state[0] = end.v[0], state[1] = end.v[1];
        }
    }
    return length;
}

// The steps from `from` on, as in a sweep, by all lanes alike; one of them writes.
STEP_INLINE void one_by_one(const Step& step, const Streams& in, const Chain& chain, const Results& to, T* state,
                            int from, int length) {
    T carry[CARRIES], before[STATES];
    clear(carry, CARRIES);
    for (int k = 0; k < STATES; ++k) before[k] = state[k];
    steps(
        step, in, from, length, chain.weight, state, carry,
        [&](int base) {
            if (base % SEGMENT == 0) clear(carry, CARRIES);
        },
        [&](int t, T, const T* after) {
            if (writes()) to.save(chain, t, before, after);
            for (int k = 0; k < STATES; ++k) before[k] = after[k];
        });
}

// As `forward`, with 32 threads a chain.
PARALLEL forward_newton(const In* input, Index input_step, Index input_row, const In* skip, Index skip_step,
                        Index skip_row, const T* weight, const T* initial, Out* output, Out* kept, T* states, T* last,
                        T alpha, T rest, Index length, Index batch, Index width) {
    Chain chain(thread_number() / LANES, batch, width);
    if (in_all_lanes(chain.number >= chain.chains) || idle()) return;
    const Step step = made<Step>(alpha, rest, 0);
    const Streams in{input + chain.row * input_row + chain.unit, skip + chain.row * skip_row + chain.unit, input_step,
                     skip_step, width};
    chain.load_weights(weight, width);
    const Results to{output, kept, states};
    T state[STATES];
    chain.load(initial, state);
    // By how many radians the tanh can turn this oscillator in a step: s (sqrt(alpha + |w|) - sqrt(alpha)).
    const T stiff = alpha + rest + T(1e-30), w = size_of(chain.weight[0]);
    const T roots = (stiff + w) * over_root(stiff + w) + stiff * over_root(stiff);
    const T turn = size_of(chain.weight[1]) * w / roots, most_turn = T(7) / LANES;
    // Where it turns by more, an iteration takes longer than a step of the sweep; so it does where one did not converge.
    int done = 0;
    if (in_all_lanes(8 * turn <= most_turn)) done = by_newton<8>(step, in, chain, to, state, int(length));
    else if (in_all_lanes(4 * turn <= most_turn)) done = by_newton<4>(step, in, chain, to, state, int(length));
    else if (in_all_lanes(2 * turn <= most_turn)) done = by_newton<2>(step, in, chain, to, state, int(length));
    else if (in_all_lanes(turn <= most_turn)) done = by_newton<1>(step, in, chain, to, state, int(length));
    if (done < int(length)) one_by_one(step, in, chain, to, state, done, int(length));
    if (writes()) chain.save(state, last);
}
