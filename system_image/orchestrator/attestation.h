#ifndef SYSTEM_IMAGE_ORCHESTRATOR_ATTESTATION_H_
#define SYSTEM_IMAGE_ORCHESTRATOR_ATTESTATION_H_

#include <functional>
#include <string>

namespace orchestrator {

// What a TEE says of the guest.
struct AttestationReport {
  std::string provider;  // "sev_guest", "tdx_guest"
  std::string data;      // a SEV-SNP attestation report, or a TDX quote
  std::string error;     // what went wrong, or ""
};

// Returns the kind of the machine's TEE as the first-stage loader found it: "sev-snp", "tdx" or "none".
std::string KindOfTee(const std::string& path = "/run/system-image/tee");

// Returns the 64 bytes that a report must be over: the image's SHA-256, given as 64 hexadecimal digits, and a nonce
// of 32 bytes. It is "" if the digest is none, or the nonce has another length.
std::string ReportData(const std::string& digest, const std::string& nonce);

// Returns the bytes of an even number of hexadecimal digits, or "" if the text is none.
std::string FromHex(const std::string& text);

// Returns 32 random bytes of the kernel's, or "" if there are none.
std::string RandomNonce();

// Asks for a report over 64 bytes, by the kernel's Documentation/ABI/testing/configfs-tsm: makes an entry in the folder
// `tsm`, writes the bytes to its inblob, reads its outblob and its provider, and removes it. `make_entry` is mkdir(2).
AttestationReport Attest(const std::string& report_data, const std::string& tsm = "/sys/kernel/config/tsm/report",
                         const std::function<int(const std::string&)>& make_entry = nullptr);

}  // namespace orchestrator

#endif  // SYSTEM_IMAGE_ORCHESTRATOR_ATTESTATION_H_
