// Rows of a large tensor on their way between memory and the caches.
#pragma once
#include <cstdint>
#include <cstring>

#include "real.h"

#if defined(__AVX512F__) || defined(__AVX__) || defined(__SSE2__)
#include <immintrin.h>
#endif

constexpr std::int64_t LINE = 64;         // bytes of a cache line
constexpr std::int64_t CACHED = 4 << 20;  // bytes of a tensor that the caches may keep for who reads it next

// Always inlined: a call of a function that does nothing else counts as one without effect, and is dropped.
template <class T> STEP_INLINE void prefetch(const T* from) { __builtin_prefetch(from); }

inline bool starts_line(const void* at) { return reinterpret_cast<std::uintptr_t>(at) % LINE == 0; }

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

// Writes `count` values, a line at most. With `past`, whole lines go past the caches: a tensor that doesn't fit them would
// be read into them for nothing. Then `to` must be the start of a line, as `from` always is.
template <class T> inline void write(const T* from, std::int64_t count, T* to, bool past) {
    if (past && count * std::int64_t(sizeof(T)) == LINE)
        write_line(reinterpret_cast<const char*>(from), reinterpret_cast<char*>(to));
    else
        std::memcpy(to, from, count * sizeof(T));
}

// Before another thread may read what was written past the caches.
inline void written() {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}
