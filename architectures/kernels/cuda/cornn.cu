// coRNN on CUDA: what lies between the products of two steps, one thread for one unit of one sequence.
//
//     forward_step    what follows the product of a state with the weight: the tanh and the new state
//     backward_step   what precedes the product of the gradient of the drive with the weight
//     states_before   the state before every step, from the tanh of every step, which is all that was kept: one thread
//                     takes a chain through time by the arithmetic of the forward steps
//
// States are (N, 2H), z and then y of each sequence, as the columns of the weight are; so are their gradients. SWEEP_OUT is
// what the output and its gradient are in memory; the tanh is kept as it was computed. There is no shared memory and no
// atomic operation: threads never meet, and the results are the same, bit for bit, at every launch.
#include "memory.h"

// Where a thread's unit lies.
struct Unit {
    Index number, row, column, width;

    // The number has 32 bits: wider divisions are calls.
    STEP_INLINE Unit(Index wide) : width(wide) {
        const unsigned thread = thread_number();
        number = thread, row = thread / unsigned(wide), column = thread % unsigned(wide);
    }

    STEP_INLINE bool exists(Index batch) const { return number < batch * width; }
    STEP_INLINE Index in_rows_of(Index distance) const { return row * distance + column; }
    STEP_INLINE Index z() const { return in_rows_of(2 * width); }
    STEP_INLINE Index y() const { return z() + width; }
};

// `force` may be null.
PARALLEL forward_step(const T* sums, const In* drive, Index drive_row, T* states, Out* output, T* force, T dt, T keep,
                      T spring, T push, Index batch, Index width) {
    const Unit at(width);
    if (!at.exists(batch)) return;
    const CoRNNStep<T> step = {dt, keep, spring, push};
    T y = states[at.y()], z = states[at.z()];
    const T f = tanh_of<T>(read(sums + at.number) + read(drive + at.in_rows_of(drive_row)));
    step.advance(f, y, z);
    states[at.y()] = y, states[at.z()] = z;
    write(output + at.number, y);
    if (force) force[at.number] = f;
}

// The gradients of the state after the step are `adjoints` and `sums` (N, 2H) and what comes through the output. `adjoints`
// become those before it, all but the product of `delta` with the weight: the next step's `sums`.
PARALLEL backward_step(const T* sums, const T* force, const Out* d_output, Index d_row, T* adjoints, T* delta, T dt,
                       T keep, T spring, T push, Index batch, Index width) {
    const Unit at(width);
    if (!at.exists(batch)) return;
    const CoRNNStep<T> step = {dt, keep, spring, push};
    T u = adjoints[at.y()] + read(sums + at.y()), v = adjoints[at.z()] + read(sums + at.z());
    u += read(d_output + at.in_rows_of(d_row));
    delta[at.number] = step.delta(read(force + at.number), u, v);
    step.before(u, v);
    adjoints[at.y()] = u, adjoints[at.z()] = v;
}

// `force` is (L, N, H), `states` (L, N, 2H); `now` (N, 2H), the state before the first step, becomes that after the last.
PARALLEL states_before(const T* force, T* now, T* states, T dt, T keep, T spring, T push, Index length,
                       Index batch, Index width) {
    const Unit at(width);
    if (!at.exists(batch)) return;
    const CoRNNStep<T> step = {dt, keep, spring, push};
    T y = now[at.y()], z = now[at.z()];
    const Index all = batch * width;
    force += at.number;
#pragma unroll 8
    for (int t = 0; t < int(length); ++t) {  // what is read depends on no result: it may be asked for steps ahead
        T* const to = states + t * 2 * all;
        to[at.y()] = y, to[at.z()] = z;
        step.advance(read(force + t * all), y, z);
    }
    now[at.y()] = y, now[at.z()] = z;
}
