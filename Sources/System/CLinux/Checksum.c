#include "CLinux.h"

#include <string.h>

static uint32_t table[256];

static uint32_t portable(uint32_t crc, const uint8_t *at, size_t count) {
  while (count-- > 0) crc = table[(crc ^ *at++) & 0xFF] ^ (crc >> 8);
  return crc;
}

#if defined(__x86_64__)
enum { stream = 512 };

// What a CRC becomes by `stream` bytes of zeros, for each of its four bytes alone: the function is linear.
static uint32_t zeros[4][256];

static uint32_t after_zeros(uint32_t crc) {
  return zeros[0][crc & 0xFF] ^ zeros[1][crc >> 8 & 0xFF] ^ zeros[2][crc >> 16 & 0xFF] ^ zeros[3][crc >> 24];
}

static void fill_zeros(void) {
  static const uint8_t none[stream];
  for (int byte = 0; byte < 4; byte++) {
    for (int bit = 0; bit < 8; bit++) zeros[byte][1 << bit] = portable(1u << (8 * byte + bit), none, stream);
    for (int value = 1; value < 256; value++) {
      int lowest = value & -value;
      if (value != lowest) zeros[byte][value] = zeros[byte][lowest] ^ zeros[byte][value - lowest];
    }
  }
}

__attribute__((target("sse4.2"))) static inline uint64_t add_word(uint64_t crc, const uint8_t *at) {
  uint64_t word;
  memcpy(&word, at, 8);
  return __builtin_ia32_crc32di(crc, word);
}

// SSE 4.2's crc32 instruction takes 8 bytes, and three cycles until the next one can use its result. So three
// streams are summed at once, and put together as if zeros followed the earlier ones: the method of Mark Adler's
// crc32c.c and of V. Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction" (2011).
// 1 MiB took 125 µs with one stream and 53 with three.
__attribute__((target("sse4.2"))) static uint32_t sse42(uint32_t crc, const uint8_t *at, size_t count) {
  while (count >= 3 * stream) {
    uint64_t first = crc, second = 0, third = 0;
    for (size_t i = 0; i < stream; i += 8) {
      first = add_word(first, at + i);
      second = add_word(second, at + stream + i);
      third = add_word(third, at + 2 * stream + i);
    }
    crc = after_zeros(after_zeros((uint32_t)first) ^ (uint32_t)second) ^ (uint32_t)third;
    at += 3 * stream;
    count -= 3 * stream;
  }
  uint64_t wide = crc;
  for (; count >= 8; at += 8, count -= 8) wide = add_word(wide, at);
  crc = (uint32_t)wide;
  while (count-- > 0) crc = __builtin_ia32_crc32qi(crc, *at++);
  return crc;
}
#endif

__attribute__((constructor)) static void fill_tables(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0x82F63B78u : crc >> 1;
    table[i] = crc;
  }
#if defined(__x86_64__)
  fill_zeros();
#endif
}

uint32_t cairn_crc32c(uint32_t seed, const void *bytes, size_t count) {
  uint32_t crc = ~seed;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return ~sse42(crc, bytes, count);
#endif
  return ~portable(crc, bytes, count);
}
