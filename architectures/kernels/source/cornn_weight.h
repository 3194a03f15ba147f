// The gradient of coRNN's weight: one product over all steps and sequences.
//
// Every thread owns columns of it and adds up small blocks, in double precision and in the order of time: the result is
// the same, bit for bit, for every number of threads.
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
        Index deep() const { return (depth + CHUNK<T, ACROSS> - 1) / CHUNK<T, ACROSS> * CHUNK<T, ACROSS>; }
    };

    // The columns begin to end of z and of y, which one thread owns, and its scratch.
    struct Share {
        Index begin, end;
        T *left, *right, *zs;  // delta of a block; [z, y] of a block, panel by panel; z of each sequence
        double* sums;          // (H, 2 (end - begin)), panel by panel
    };

    static Index bytes(Index units, Index threads) {
        const Index wide = padded<T>(units), pieces = std::min(threads, wide / WIDTH<T>);
        return Index(sizeof(double)) * 2 * units * wide + Index(sizeof(T)) * (pieces * units + 3 * wide) * BLOCK;
    }

    Index pieces() const { return std::min(this->threads, padded<T>(this->units) / WIDTH<T>); }

    Share share(Index piece) const {
        const Index wide = padded<T>(this->units), panels = wide / WIDTH<T>;
        const Index begin = piece * panels / pieces() * WIDTH<T>, end = (piece + 1) * panels / pieces() * WIDTH<T>;
        double* const sums = reinterpret_cast<double*>(scratch);
        T* const left = reinterpret_cast<T*>(sums + 2 * this->units * wide);
        T* const right = left + pieces() * this->units * BLOCK;
        return {begin,
                end,
                left + piece * this->units * BLOCK,
                right + 2 * begin * BLOCK,
                right + (2 * wide + begin) * BLOCK,
                sums + 2 * begin * this->units};
    }

    void pack_left(const Block& block, const Share& share, const Tiles& tiles) const {
        for (Index k = 0; k < block.deep(); ++k) {
            const T* from = delta.at(block.t + k / block.count, block.n + k % block.count);
            for (Index tile = 0; tile < tiles.count; ++tile) {
                const Index i = tiles.begin(tile), rows = tiles.begin(tile + 1) - i;
                T* to = share.left + i * block.deep() + k * rows;
                for (Index r = 0; r < rows; ++r) to[r] = k < block.depth ? from[i + r] : T(0);
            }
        }
    }

    // Packs the states before the steps, and takes z through them.
    void pack_right(const Block& block, const Share& share) const {
        for (Index k = 0; k < block.depth; ++k) {
            const Index t = block.t + k / block.count, r = k % block.count, n = block.n + r;
            const T* before = t > 0 ? y.at(t - 1, n) : this->y0 + n * this->units;
            T* zs = share.zs + r * (share.end - share.begin) - share.begin;
            for (Index h = share.begin; h < std::min(share.end, this->units); h += LANES<T>) {
                const Index many = this->units - h, panel = h / WIDTH<T> * WIDTH<T> - share.begin;
                T* to = share.right + 2 * panel * BLOCK + k * WIDTH<T> + h % WIDTH<T>;
                Lane<T> u = load<T>(before + h, many), z = load<T>(zs + h, LANES<T>);
                store<T>(to, LANES<T>, z);
                store<T>(to + BLOCK * WIDTH<T>, LANES<T>, u);
                this->advance(load<T>(force.at(t, n) + h, many), u, z);
                store<T>(zs + h, LANES<T>, z);
            }
        }
        for (Index panel = 0; panel < 2 * (share.end - share.begin); panel += WIDTH<T>)
            std::fill(share.right + panel * BLOCK + block.depth * WIDTH<T>,
                      share.right + panel * BLOCK + block.deep() * WIDTH<T>, T(0));
    }

    void add(const Block& block, const Share& share, const Tiles& tiles) const {
        const Index columns = 2 * (share.end - share.begin);
        T sums[ROWS * WIDTH<T>], run[ROWS * WIDTH<T>];
        for (Index tile = 0; tile < tiles.count; ++tile) {
            const Index i = tiles.begin(tile), rows = tiles.begin(tile + 1) - i;
            const Product<T> multiply = product_of<T, ACROSS>(rows);
            for (Index panel = 0; panel < columns; panel += WIDTH<T>) {
                const T *left = share.left + i * block.deep(), *right = share.right + panel * BLOCK;
                for (Index k = 0; k < block.deep(); k += RUN) {
                    const Index chunks = std::min(RUN, block.deep() - k) / CHUNK<T, ACROSS>;
                    multiply(chunks, left + k * rows, right + k * WIDTH<T>, k ? run : sums);
                    if (k > 0)
                        for (Index j = 0; j < rows * WIDTH<T>; ++j) sums[j] += run[j];
                }
                for (Index r = 0; r < rows; ++r) {
                    double* to = share.sums + (i + r) * columns + panel;
                    for (Index j = 0; j < WIDTH<T>; ++j) to[j] += sums[r * WIDTH<T> + j];
                }
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
        for (Index group = 0; group < groups; ++group) {
            const Index n = group * this->batch / groups, count = (group + 1) * this->batch / groups - n;
            for (Index r = 0; r < count; ++r)
                std::copy(this->z0 + (n + r) * this->units + share.begin, this->z0 + (n + r) * this->units + last,
                          share.zs + r * (share.end - share.begin));
            for (Index t = 0; t < this->length; t += BLOCK / count) {
                const Block block{n, count, t, std::min(BLOCK / count, this->length - t) * count};
                pack_left(block, share, tiles);
                pack_right(block, share);
                add(block, share, tiles);
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
