#include "attestation.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>

namespace orchestrator {
namespace {

constexpr std::size_t kDigest = 32, kNonce = 32;

// The kernel tells what is wrong with a request by the status of read(2) and write(2), so no streams.
bool Read(const std::string& path, std::string* text, std::string* error) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  char buffer[4096];
  ssize_t count = -1;
  while (file >= 0 && (count = read(file, buffer, sizeof(buffer))) > 0) text->append(buffer, static_cast<std::size_t>(count));
  if (count < 0) *error = path + ": " + std::strerror(errno);
  if (file >= 0) close(file);
  return count == 0;
}

bool Write(const std::string& path, const std::string& data, std::string* error) {
  const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  // In one piece: it is one request.
  const ssize_t count = file < 0 ? -1 : write(file, data.data(), data.size());
  if (count < 0) *error = path + ": " + std::strerror(errno);
  if (file >= 0) close(file);
  if (count >= 0 && static_cast<std::size_t>(count) != data.size()) *error = path + ": it was not written whole";
  return error->empty();
}

std::string Line(const std::string& text) { return text.substr(0, text.find('\n')); }

void Ask(const std::string& entry, const std::string& report_data, AttestationReport* report) {
  std::string before, after;
  if (!Write(entry + "/inblob", report_data, &report->error)) return;
  // Each request counts; another one between would be answered in place of ours.
  if (!Read(entry + "/generation", &before, &report->error)) return;
  if (!Read(entry + "/outblob", &report->data, &report->error)) return;
  if (!Read(entry + "/provider", &report->provider, &report->error)) return;
  if (!Read(entry + "/generation", &after, &report->error)) return;
  report->provider = Line(report->provider);
  if (before != after) report->error = entry + ": someone else has asked for a report at the same time";
  if (report->error.empty() && report->data.empty()) report->error = entry + ": the report is empty";
}

}  // namespace

std::string KindOfTee(const std::string& path) {
  std::string text, error;
  return Read(path, &text, &error) && !Line(text).empty() ? Line(text) : "none";
}

std::string FromHex(const std::string& text) {
  if (text.size() % 2 != 0 || text.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) return "";
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    bytes += static_cast<char>(std::strtoul(text.substr(i, 2).c_str(), nullptr, 16));
  }
  return bytes;
}

std::string ReportData(const std::string& digest, const std::string& nonce) {
  const std::string bytes = FromHex(digest);
  return bytes.size() == kDigest && nonce.size() == kNonce ? bytes + nonce : "";
}

std::string RandomNonce() {
  std::string nonce(kNonce, '\0');
  return getrandom(nonce.data(), nonce.size(), 0) == static_cast<ssize_t>(nonce.size()) ? nonce : "";
}

AttestationReport Attest(const std::string& report_data, const std::string& tsm,
                         const std::function<int(const std::string&)>& make_entry) {
  AttestationReport report;
  const std::string entry = tsm + "/orchestrator";
  const int made = make_entry ? make_entry(entry) : mkdir(entry.c_str(), 0700);
  if (made != 0) {
    report.error = entry + ": " + std::strerror(errno);
    return report;
  }
  Ask(entry, report_data, &report);
  rmdir(entry.c_str());
  return report;
}

}  // namespace orchestrator
