// The sweep backward parallel in time, for batches of too few chains to fill a GPU. With what was kept of every step
// known, the gradient of the state before a segment is an affine function of that of the state after it:
//     segment_maps      that function of every segment, a thread each: the step's adjoint, applied to every unit vector
//                       without the gradient of the output, and to zero with it
//     segment_ends      the gradient of the state after every segment, a thread a chain: one product a segment
//     segment_backward  the sweep backward over each segment from there, a thread each
// The segments are those of which the states are stored. As in sweep.cu threads never meet, and the sums over segments
// and sequences are taken by add_rows, always in the same order.

enum { COLUMNS = STATES + 1 };  // of an affine function: its matrix and its constant

// One segment of one chain; threads of neighbouring chains are neighbours.
struct Piece {
    Chain chain;
    Streams in;
    Around<Out> around;
    int number, from, end;

    STEP_INLINE Piece(const In* input, Index input_step, Index input_row, const In* skip, Index skip_step,
                      Index skip_row, const T* weight, const Out* kept, const Out* d_output, Index d_step, Index d_row,
                      In* d_input, In* d_skip, Index length, Index batch, Index width)
        : chain(thread_number() % unsigned(batch * width), batch, width) {
        number = thread_number() / unsigned(batch * width);
        from = number * SEGMENT, end = least(int(length), from + SEGMENT);
        in = Streams{input + chain.row * input_row + chain.unit, skip + chain.row * skip_row + chain.unit, input_step,
                     skip_step, width};
        around.kept = kept + chain.number, around.output = d_output + chain.row * d_row + chain.unit;
        around.d_gates = d_input + chain.row * GATES * width + chain.unit, around.d_skip = d_skip + chain.number;
        around.kept_step = chain.chains, around.output_step = d_step;
        around.d_gates_step = chain.chains * GATES, around.d_skip_step = chain.chains, around.width = width;
        chain.load_weights(weight, width);
    }

    STEP_INLINE bool exists(Index length) const { return from < length; }

    // The state after the segment.
    STEP_INLINE void load_end(const T* states, const T* last, Index length, T* state) const {
        chain.load(end < length ? states + Index(number + 1) * STATES * chain.chains : last, state);
    }

    // All steps, the last one first. What was kept before the first one of all comes from the initial state.
    template <class Each> STEP_INLINE void steps_from_the_end(const T* initial, const Each& each) const {
        T state[STATES];
        chain.load(initial, state);
        Slots<Out> slots;
        steps_back(in, around, slots, true, from, end, 0, Step::kept(state), each);
    }
};

// `maps` is (segments, STATES + 1, STATES, N, H).
PARALLEL segment_maps(const In* input, Index input_step, Index input_row, const In* skip, Index skip_step,
                      Index skip_row, const T* weight, const T* initial, const Out* kept, const T* states,
                      const T* last, const Out* d_output, Index output_step, Index output_row, T* maps, T alpha,
                      T rest, Index length, Index batch, Index width) {
    Piece piece(input, input_step, input_row, skip, skip_step, skip_row, weight, kept, d_output, output_step,
                output_row, nullptr, nullptr, length, batch, width);
    if (!piece.exists(length)) return;
    const Step step = made<Step>(alpha, rest, 0);
    T state[STATES], adjoint[COLUMNS][STATES], carry[COLUMNS][CARRIES];
    piece.load_end(states, last, length, state);
    for (int c = 0; c < COLUMNS; ++c) {
        for (int k = 0; k < STATES; ++k) adjoint[c][k] = T(c == k);
        clear(carry[c], CARRIES);
    }
    piece.steps_from_the_end(initial, [&](const T* x, T h, T g) {
        T before[STATES];
        for (int c = 0; c < COLUMNS; ++c) {
            T dx[INPUTS], dweight[WEIGHTS] = {};
            for (int k = 0; k < STATES; ++k) before[k] = state[k];
            step.backward(x, piece.chain.weight, h, c == STATES ? g : T(0), before, adjoint[c], carry[c], dx, dweight);
        }
        for (int k = 0; k < STATES; ++k) state[k] = before[k];
    });
    T* to = maps + Index(piece.number) * COLUMNS * STATES * piece.chain.chains;
    for (int c = 0; c < COLUMNS; ++c) {
        for (int k = 0; k < Step::CARRIES; ++k) adjoint[c][k] += carry[c][k];
        piece.chain.save(adjoint[c], to + c * STATES * piece.chain.chains);
    }
}

// `ends` is (segments, STATES, N, H).
PARALLEL segment_ends(const T* maps, const T* d_last, T* ends, T* d_initial, Index length, Index batch, Index width) {
    const Chain chain(thread_number(), batch, width);
    if (chain.number >= chain.chains) return;
    T adjoint[STATES];
    chain.load(d_last, adjoint);
#pragma unroll 4
    for (int segment = (int(length) + SEGMENT - 1) / SEGMENT - 1; segment >= 0; --segment) {
        chain.save(adjoint, ends + Index(segment) * STATES * chain.chains);
        T column[COLUMNS][STATES], next[STATES];
        const T* from = maps + Index(segment) * COLUMNS * STATES * chain.chains;
        for (int c = 0; c < COLUMNS; ++c) chain.load(from + c * STATES * chain.chains, column[c]);
        for (int k = 0; k < STATES; ++k) {
            next[k] = column[STATES][k];
            for (int c = 0; c < STATES; ++c) next[k] += column[c][k] * adjoint[c];
        }
        for (int k = 0; k < STATES; ++k) adjoint[k] = next[k];
    }
    chain.save(adjoint, d_initial);
}

// `sums` is (WEIGHTS, segments, N, H); `d_input` and `d_skip` are contiguous.
PARALLEL segment_backward(const In* input, Index input_step, Index input_row, const In* skip, Index skip_step,
                          Index skip_row, const T* weight, const T* initial, const Out* kept, const T* states,
                          const T* last, const Out* d_output, Index output_step, Index output_row, const T* ends,
                          In* d_input, In* d_skip, T* sums, T alpha, T rest, Index length, Index batch, Index width) {
    Piece piece(input, input_step, input_row, skip, skip_step, skip_row, weight, kept, d_output, output_step,
                output_row, d_input, d_skip, length, batch, width);
    if (!piece.exists(length)) return;
    const Step step = made<Step>(alpha, rest, 0);
    const Chain& chain = piece.chain;
    Adjoint at;
    piece.load_end(states, last, length, at.state);
    chain.load(ends + Index(piece.number) * STATES * chain.chains, at.adjoint);
    clear(at.weight, WEIGHTS), clear(at.carry, CARRIES);
    Around<Out> to = piece.around;
    to.begin(piece.end - 1);
    piece.steps_from_the_end(initial, [&](const T* x, T h, T g) {
        T dx[INPUTS];
        step.backward(x, chain.weight, h, g, at.state, at.adjoint, at.carry, dx, at.weight);
        to.save(dx);
    });
    const Index pieces = (length + SEGMENT - 1) / SEGMENT * chain.chains;
    for (int k = 0; k < WEIGHTS; ++k) sums[k * pieces + thread_number()] = at.weight[k];
}
