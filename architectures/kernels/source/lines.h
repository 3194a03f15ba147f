// Rows of a large tensor on their way between memory and the caches.
#pragma once
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__) || defined(__AVX__) || defined(__SSE2__)
#include <immintrin.h>
#endif

constexpr std::int64_t LINE = 64;  // bytes of a cache line

template <class T> inline void prefetch(const T* from, std::int64_t count) {
    for (std::int64_t i = 0; i < count; i += LINE / std::int64_t(sizeof(T))) __builtin_prefetch(from + i);
}

inline void write_line(const char* from, char* to) {
#if defined(__AVX512F__)
    _mm512_stream_ps(reinterpret_cast<float*>(to), _mm512_load_ps(from));
#elif defined(__AVX__)
    for (int i = 0; i < LINE; i += 32)
        _mm256_stream_ps(reinterpret_cast<float*>(to + i), _mm256_load_ps(reinterpret_cast<const float*>(from + i)));
#elif defined(__SSE2__)
    for (int i = 0; i < LINE; i += 16)
        _mm_stream_ps(reinterpret_cast<float*>(to + i), _mm_load_ps(reinterpret_cast<const float*>(from + i)));
#else
    std::memcpy(to, from, LINE);
#endif
}

// Copies a row. With `past`, past the caches: a tensor that doesn't fit them would be read into them for nothing. The
// row comes from the start of a cache line; where `to` doesn't begin at one, it is copied as usual.
template <class T> inline void write_row(const T* row, std::int64_t count, T* to, bool past) {
    const char* from = reinterpret_cast<const char*>(row);
    char* out = reinterpret_cast<char*>(to);
    const std::int64_t bytes = count * std::int64_t(sizeof(T));
    std::int64_t done = 0;
    if (past && reinterpret_cast<std::uintptr_t>(out) % LINE == 0)
        for (; done + LINE <= bytes; done += LINE) write_line(from + done, out + done);
    std::memcpy(out + done, from + done, bytes - done);
}

// Before another thread may read what was written past the caches.
inline void written() {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}
