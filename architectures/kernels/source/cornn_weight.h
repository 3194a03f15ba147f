// The gradient of coRNN's weight: one product over all steps and sequences.
//
// Every thread owns columns of it and adds up small blocks, in double precision and in the order of time: the result is
// the same, bit for bit, for every number of threads. The products read delta where it lies, and ask the caches meanwhile
// for what the next block will read.
#pragma once
#include "cornn.h"

namespace cornn {

constexpr Index BLOCK = 256;  // most pairs (step, sequence) of a block
constexpr Index RUN = 32;     // most terms added one after the other: longer runs round more than autograd does

// The sum over all steps and sequences of delta times the state [z, y] before the step.
template <class T> struct WeightGradient : CoRNN<T> {
    Rows<T> y, force, delta;
    T* dweight;  // (H, 2H)
    T* scratch;

    struct Block {
        Index n, count, t, depth;  // sequences n to n + count of `depth` pairs in all, from step t on
    };

    // The columns begin to end of z and of y, which one thread owns, and its scratch.
    struct Share {
        Index begin, end;
        T *right, *zs;  // [z, y] of a block, panel by panel; z of each sequence
        double* sums;   // (H, 2 (end - begin)), panel by panel
    };

    static Index bytes(Index units) {
        const Index wide = padded<T>(units);
        return Index(sizeof(double)) * 2 * units * wide + Index(sizeof(T)) * 3 * wide * BLOCK;
    }

    Index pieces() const { return std::min(this->threads, padded<T>(this->units) / WIDTH<T>); }

    Share share(Index piece) const {
        const Index wide = padded<T>(this->units), panels = wide / WIDTH<T>;
        const Index begin = piece * panels / pieces() * WIDTH<T>, end = (piece + 1) * panels / pieces() * WIDTH<T>;
        double* const sums = reinterpret_cast<double*>(scratch);
        T* const right = reinterpret_cast<T*>(sums + 2 * this->units * wide);
        return {begin,
                end,
                right + 2 * begin * BLOCK,
                right + (2 * wide + begin) * BLOCK,
                sums + 2 * begin * this->units};
    }

    // Packs the states before the steps, and takes z through them.
    void pack_right(const Block& block, const Share& share) const {
        const Index last = std::min(share.end, this->units);
        for (Index k = 0, t = block.t; k < block.depth; ++t)
            for (Index r = 0; r < block.count; ++r, ++k) {
                const Index n = block.n + r;
                const T *before = t > 0 ? y.at(t - 1, n) : this->y0 + n * this->units, *f = force.at(t, n);
                T* zs = share.zs + r * (share.end - share.begin) - share.begin;
                T* to = share.right + k * WIDTH<T>;
                for (Index h = share.begin; h < last; h += WIDTH<T>, to += 2 * BLOCK * WIDTH<T>)
                    for (Index i = 0; i < WIDTH<T> && h + i < last; i += LANES<T>)
                        pack_vector(before + h + i, f + h + i, zs + h + i, to + i, last - h - i);
            }
    }

    STEP_INLINE void pack_vector(const T* before, const T* f, T* zs, T* to, Index many) const {
        Lane<T> u = load<T>(before, many), z = load<T>(zs, LANES<T>);
        store<T>(to, LANES<T>, z);
        store<T>(to + BLOCK * WIDTH<T>, LANES<T>, u);
        this->oscillator.advance(load<T>(f, many), u, z);
        store<T>(zs, LANES<T>, z);
    }

    // What the next block will read, in pieces of as many lines of the cache as one run of a product asks for.
    struct Ahead {
        const WeightGradient& of;
        const Block& block;
        const Share& share;
        static constexpr Index PIECE = RUN * QUARTER / Index(sizeof(T));
        Index whole = (of.units + PIECE - 1) / PIECE, part = (share.end - share.begin + PIECE - 1) / PIECE;
        Index k = 0, piece = 0;

        const char* take() {
            if (k >= block.depth) return reinterpret_cast<const char*>(share.right);
            const Index t = block.t + k / block.count, n = block.n + k % block.count, p = piece;
            if (++piece == whole + 2 * part) piece = 0, ++k;
            const T* at = p < whole          ? of.delta.at(t, n) + p * PIECE
                          : p < whole + part ? of.y.at(t - 1, n) + share.begin + (p - whole) * PIECE
                                             : of.force.at(t, n) + share.begin + (p - whole - part) * PIECE;
            return reinterpret_cast<const char*>(at);
        }
    };

    void add(const Block& block, const Block& next, const Share& share, const Tiles& tiles) const {
        const Index columns = 2 * (share.end - share.begin);
        T sums[ROWS * WIDTH<T>];
        Ahead ahead{*this, next, share};
        for (Index tile = 0; tile < tiles.count; ++tile) {
            const Index i = tiles.begin(tile), rows = tiles.begin(tile + 1) - i;
            const ProductAcross<T> multiply = product_across_of<T>(rows);
            for (Index panel = 0; panel < columns; panel += WIDTH<T>) {
                const T *left = delta.at(block.t, block.n) + i, *right = share.right + panel * BLOCK;
                double* const to = share.sums + i * columns + panel;
                for (Index k = 0; k < block.depth; k += RUN)
                    multiply(std::min(RUN, block.depth - k), left + k * delta.row, delta.row, right + k * WIDTH<T>, sums,
                             k == 0, ahead.take());
                for (Index r = 0; r < rows; ++r)
                    for (Index j = 0; j < WIDTH<T>; ++j) to[r * columns + j] += sums[r * WIDTH<T> + j];
            }
        }
    }

    void put(const Share& share) const {
        const Index columns = 2 * (share.end - share.begin);
        for (Index i = 0; i < this->units; ++i)
            for (Index h = share.begin; h < std::min(share.end, this->units); ++h) {
                const Index at = (h - share.begin) / WIDTH<T> * 2 * WIDTH<T> + h % WIDTH<T>;
                for (Index part = 0; part < 2; ++part)
                    dweight[(2 * i + part) * this->units + h] = T(share.sums[i * columns + at + part * WIDTH<T>]);
            }
    }

    void run(const Share& share) const {
        const Index groups = (this->batch + BLOCK - 1) / BLOCK, last = std::min(share.end, this->units);
        const Tiles tiles(this->units, 1);
        std::fill(share.sums, share.sums + 2 * (share.end - share.begin) * this->units, 0.0);
        std::fill(share.right, share.right + 2 * (share.end - share.begin) * BLOCK, T(0));
        std::fill(share.zs, share.zs + (share.end - share.begin) * BLOCK, T(0));
        const Index most = groups == 1 ? BLOCK / this->batch : 1;  // steps of a block, whose rows must lie side by side
        for (Index group = 0; group < groups; ++group) {
            const Index n = group * this->batch / groups, count = (group + 1) * this->batch / groups - n;
            for (Index r = 0; r < count; ++r)
                std::copy(this->z0 + (n + r) * this->units + share.begin, this->z0 + (n + r) * this->units + last,
                          share.zs + r * (share.end - share.begin));
            for (Index t = 0; t < this->length; t += most) {
                const auto steps = [&](Index from) { return std::min(most, this->length - from); };
                const Index later = t + steps(t);
                const Block block{n, count, t, steps(t) * count}, next{n, count, later, steps(later) * count};
                pack_right(block, share);
                add(block, next, share, tiles);
            }
        }
        put(share);
    }

    void run() const {
        in_threads(pieces(), pieces(), [&](Index from, Index to) {
            for (Index piece = from; piece < to; ++piece) run(share(piece));
        });
    }
};

}  // namespace cornn
