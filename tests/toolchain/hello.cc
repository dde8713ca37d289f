#include <format>
#include <iostream>
#include <thread>
#include <stdexcept>
int main(){ std::thread t([]{ try { throw std::runtime_error("x"); } catch (std::exception& e) { std::cout << std::format("{} {}\n", e.what(), 42); } }); t.join(); }
