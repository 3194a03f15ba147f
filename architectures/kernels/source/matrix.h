// Products of dense matrices, a tile of the result at a time, kept in registers.
//
// A tile has up to ROWS rows and WIDTH columns. Each of its sums runs over k = 0, 1, 2, ... one (fused) multiply-add
// after the other, whatever the number of rows: what comes out for a row doesn't depend on the tile that it fell into.
#pragma once
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
constexpr int VECTOR = 64, ROWS = 14;  // bytes of a vector; 28 of the 32 registers hold sums
#elif defined(__AVX__)
constexpr int VECTOR = 32, ROWS = 6;  // 12 of 16
#elif defined(__aarch64__)
constexpr int VECTOR = 16, ROWS = 12;  // 24 of 32
#else
constexpr int VECTOR = 16, ROWS = 6;
#endif

constexpr int QUARTER = 16;  // bytes of a quarter of a cache line

template <class T> struct Vector;
template <> struct Vector<float> {
    typedef float Type __attribute__((vector_size(VECTOR), may_alias));
};
template <> struct Vector<double> {
    typedef double Type __attribute__((vector_size(VECTOR), may_alias));
};

template <class T> constexpr int LANES = VECTOR / int(sizeof(T));
template <class T> constexpr int WIDTH = 2 * LANES<T>;
template <class T> constexpr std::int64_t padded(std::int64_t size) {
    return (size + WIDTH<T> - 1) / WIDTH<T> * WIDTH<T>;
}

// The first `many` values at `from`, all of them where a vector has no more places; zeros fill the rest.
template <class T> inline typename Vector<T>::Type load(const T* from, std::int64_t many) {
    typename Vector<T>::Type values = {};
    if (many >= LANES<T>) std::memcpy(&values, from, sizeof values);
    else std::memcpy(&values, from, many * sizeof(T));
    return values;
}

template <class T> inline void store(T* to, std::int64_t many, typename Vector<T>::Type values) {
    if (many >= LANES<T>) std::memcpy(to, &values, sizeof values);
    else std::memcpy(to, &values, many * sizeof(T));
}

// out (R, WIDTH) = a (R, k) b (k, WIDTH). The left matrix lies in chunks of LANES values of k, and within a chunk row by
// row.
template <class T, int R>
__attribute__((noinline)) void product(std::int64_t chunks, const T* a, const T* b, T* out) {
    typedef typename Vector<T>::Type V;
    constexpr int lanes = LANES<T>;
    V left[R] = {}, right[R] = {};
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk, a += R * lanes) {
#pragma GCC unroll 4
        for (int k = 0; k < lanes; ++k, b += 2 * lanes) {
            const V first = load<T>(b, lanes), second = load<T>(b + lanes, lanes);
#pragma GCC unroll 16
            for (int r = 0; r < R; ++r) {
                const T factor = a[r * lanes + k];
                left[r] += factor * first;
                right[r] += factor * second;
            }
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
        store<T>(out + 2 * r * lanes, lanes, left[r]);
        store<T>(out + (2 * r + 1) * lanes, lanes, right[r]);
    }
}

// out (R, WIDTH) += a (R, k) b (k, WIDTH), or = if it is the `first`. The rows of the left matrix lie side by side, and a
// value of k is `step` from the one before. Meanwhile the caches are asked for what lies at `later`: for each k a quarter
// of a line.
template <class T, int R>
__attribute__((noinline)) void product_across(std::int64_t depth, const T* a, std::int64_t step, const T* b, T* out,
                                              bool first, const char* later) {
    typedef typename Vector<T>::Type V;
    constexpr int lanes = LANES<T>;
    V left[R] = {}, right[R] = {};
#pragma GCC unroll 4
    for (std::int64_t k = 0; k < depth; ++k, a += step, b += 2 * lanes) {
        __builtin_prefetch(later + k * QUARTER);
        const V near = load<T>(b, lanes), far = load<T>(b + lanes, lanes);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            left[r] += a[r] * near;
            right[r] += a[r] * far;
        }
    }
    if (!first) {
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            left[r] += load<T>(out + 2 * r * lanes, lanes);
            right[r] += load<T>(out + (2 * r + 1) * lanes, lanes);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
        store<T>(out + 2 * r * lanes, lanes, left[r]);
        store<T>(out + (2 * r + 1) * lanes, lanes, right[r]);
    }
}

// The products for a number of rows from 1 to ROWS.
template <class T> using Product = void (*)(std::int64_t chunks, const T* a, const T* b, T* out);
template <class T, int R = ROWS> Product<T> product_of(std::int64_t rows) {
    if constexpr (R > 1)
        if (rows < R) return product_of<T, R - 1>(rows);
    return product<T, R>;
}

template <class T>
using ProductAcross = void (*)(std::int64_t depth, const T* a, std::int64_t step, const T* b, T* out, bool first,
                               const char* later);
template <class T, int R = ROWS> ProductAcross<T> product_across_of(std::int64_t rows) {
    if constexpr (R > 1)
        if (rows < R) return product_across_of<T, R - 1>(rows);
    return product_across<T, R>;
}

// `size` rows cut into tiles of nearly equal height, at least `pieces` of them where there are so many rows.
struct Tiles {
    std::int64_t size, count;
    Tiles(std::int64_t size, std::int64_t pieces) : size(size), count((size + ROWS - 1) / ROWS) {
        if (pieces > size) pieces = size;
        if (pieces > 1) count = (count + pieces - 1) / pieces * pieces;
        if (count > size) count = size;
    }
    std::int64_t begin(std::int64_t tile) const { return tile * size / count; }
};
