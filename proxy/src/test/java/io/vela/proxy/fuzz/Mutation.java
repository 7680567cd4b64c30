package io.vela.proxy.fuzz;

import java.io.ByteArrayOutputStream;
import java.util.List;
import java.util.Random;

/** Makes input that is almost right: what is all wrong is refused at the first byte. */
final class Mutation {
  private static final byte[] INTERESTING = {0, 1, 3, 4, 5, 127, (byte) 128, -1};

  private final Random random;
  private final List<byte[]> seeds;

  Mutation(long seed, List<byte[]> seeds) {
    this.random = new Random(seed);
    this.seeds = seeds;
  }

  byte[] next() {
    var out = new ByteArrayOutputStream();
    for (int i = 1 + random.nextInt(4); i > 0; i--) {
      out.writeBytes(seeds.get(random.nextInt(seeds.size())));
    }
    var bytes = out.toByteArray();
    for (int i = random.nextInt(4); i > 0 && bytes.length > 0; i--) {
      int at = random.nextInt(bytes.length);
      switch (random.nextInt(4)) {
        case 0 -> bytes[at] = (byte) random.nextInt(256);
        case 1 -> bytes[at] = INTERESTING[random.nextInt(INTERESTING.length)];
        case 2 -> bytes = java.util.Arrays.copyOf(bytes, at);
        default -> {
          int length = Math.min(random.nextInt(16), bytes.length - at);
          System.arraycopy(bytes, random.nextInt(bytes.length - length + 1), bytes, at, length);
        }
      }
    }
    return bytes;
  }
}
