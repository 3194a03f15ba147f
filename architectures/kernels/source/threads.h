// Work split over threads: those of the OpenMP runtime that the program has already, where it was handed over, else new
// ones that live as long as one call. Threads of an OpenMP runtime spin for a while after their work; others beside them
// would have to share the cores with them. A process after a fork has lost them, and starts its own.
#pragma once
#include <atomic>
#include <cstdint>
#include <system_error>
#include <thread>
#include <vector>

// Calls work(data) in so many threads at once: GOMP_parallel of OpenMP's GNU runtime, which others have as well.
typedef void (*Team)(void (*work)(void*), void* data, unsigned threads, unsigned flags);

inline std::atomic<Team>& team() {
    static std::atomic<Team> given{nullptr};
    return given;
}

// [0, units) in pieces; whoever is free takes the next one.
template <class Work> struct Pieces {
    const Work& work;
    std::int64_t units, count;
    std::atomic<std::int64_t> next{0};

    static void take(void* pieces) {
        auto& p = *static_cast<Pieces*>(pieces);
        for (std::int64_t k; (k = p.next++) < p.count;) p.work(k * p.units / p.count, (k + 1) * p.units / p.count);
    }
};

// work(first, last) over [0, units) in `threads` pieces; where the system gives fewer threads, those do the rest.
template <class Work> void in_threads(std::int64_t units, std::int64_t threads, const Work& work) {
    Pieces<Work> pieces{work, units, threads < units ? threads : units};
    const Team given = team();
    if (pieces.count <= 1) {
        Pieces<Work>::take(&pieces);
    } else if (given) {
        given(Pieces<Work>::take, &pieces, static_cast<unsigned>(pieces.count), 0);
    } else {
        std::vector<std::thread> others;
        try {
            others.reserve(pieces.count - 1);
            for (std::int64_t k = 1; k < pieces.count; ++k) others.emplace_back(Pieces<Work>::take, &pieces);
        } catch (const std::exception&) {
        }
        Pieces<Work>::take(&pieces);
        for (auto& other : others) other.join();
    }
}
