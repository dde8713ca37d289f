#ifndef SYSTEM_IMAGE_ORCHESTRATOR_IMAGE_H_
#define SYSTEM_IMAGE_ORCHESTRATOR_IMAGE_H_

#include <string>

namespace orchestrator {

// Returns a line about the image that this program runs in, from the two files that describe it:
// os-release(5), and /usr/lib/system-image-release, which the build adds and which has the same format.
std::string DescribeImage();

// Returns the SHA-256 that the first-stage loader measured and handed on, or "" if it did not. Of a measured disk there
// is /run/system-image/roothash instead, which is a digest of as many digits.
std::string MeasuredDigest(const std::string& path = "/run/system-image/sha256");

// Returns the value of `key` in a file of os-release(5)'s format, or "" if the file or the key is missing.
std::string ReleaseValue(const std::string& path, const std::string& key);

}  // namespace orchestrator

#endif  // SYSTEM_IMAGE_ORCHESTRATOR_IMAGE_H_
