// Work split over threads that live as long as one call: nothing spins between calls, and a fork finds no lost threads.
#pragma once
#include <cstdint>
#include <system_error>
#include <thread>
#include <vector>

// work(first, last) over [0, units) in `threads` pieces; where the system gives fewer, the caller does the rest.
template <class Work> void in_threads(std::int64_t units, std::int64_t threads, const Work& work) {
    if (threads > units) threads = units;
    if (threads <= 1) {
        if (units > 0) work(std::int64_t(0), units);
        return;
    }
    const auto bound = [=](std::int64_t k) { return k * units / threads; };
    std::vector<std::thread> others;
    std::int64_t k = 1;
    try {
        others.reserve(threads - 1);
        for (; k < threads; ++k) others.emplace_back(work, bound(k), bound(k + 1));
    } catch (const std::exception&) {
    }
    work(std::int64_t(0), bound(1));
    if (k < threads) work(bound(k), units);
    for (auto& other : others) other.join();
}
