#ifndef SYSTEM_IMAGE_STAGE1_STOPWATCH_H_
#define SYSTEM_IMAGE_STAGE1_STOPWATCH_H_

#include <chrono>

namespace stage1 {

class Stopwatch {
 public:
  // Since it was made.
  double Seconds() const {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
    return passed.count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace stage1

#endif  // SYSTEM_IMAGE_STAGE1_STOPWATCH_H_
