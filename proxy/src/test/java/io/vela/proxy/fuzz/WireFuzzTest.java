package io.vela.proxy.fuzz;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A slice of what Jazzer does with {@link WireFuzz} at length. */
class WireFuzzTest {
  private static byte[] bytes(String text) {
    return text.getBytes(ISO_8859_1);
  }

  private static final List<byte[]> SEEDS =
      List.of(
          bytes("\0\0\0\51\0\3\0\0user\0app\0database\0app@pr-1\0\0\0\0\0"),
          bytes("\0\0\0\40\0\3\0\2user\0app~k3f9x2\0_pq_.x\0y\0"),
          bytes("\0\0\0\10\4\322\26\57"),
          bytes("\0\0\0\20\4\322\26\56\0\0\0\1\0\0\0\2"),
          bytes("p\0\0\0\66SCRAM-SHA-256\0\0\0\0\40n,,n=,r=abcdefghijklmnopqrstuvwx"),
          bytes("Q\0\0\0\15select 1\0"),
          bytes("Q\0\0\0\15SELECT 1\0S\0\0\0\4X\0\0\0\4"),
          bytes(
              "P\0\0\0\20\0SELECT 1\0\0\0B\0\0\0\14\0\0\0\0\0\0\0\0"
                  + "D\0\0\0\6P\0E\0\0\0\11\0\0\0\0\0S\0\0\0\4"),
          bytes("S\0\0\0\4P\0\0\0\10\0\0\0\0E\0\0\0\11\0\0\0\0\0"),
          bytes("Z\0\0\0\5IE\0\0\0\20SFATAL\0VF\0C\0G\0\0\0\7\0\0\0"),
          bytes("v\0\0\0\14\0\3\0\0\0\0\0\0"));

  @Test
  void nothingThatIsSentIsTooMuchForItsReader() {
    long seed = Long.getLong("vela.fuzz.seed", System.nanoTime());
    var random = new Random(seed);
    var mutation = new Mutation(seed, SEEDS);
    long end = System.nanoTime() + FuzzTime.slice().toNanos();
    long rounds = 0;
    while (System.nanoTime() < end) {
      var sent = mutation.next();
      var input = new byte[2 + sent.length];
      input[0] = (byte) random.nextInt(256);
      input[1] = (byte) random.nextInt(256);
      System.arraycopy(sent, 0, input, 2, sent.length);
      try {
        WireFuzz.fuzzerTestOneInput(input);
      } catch (RuntimeException | AssertionError e) {
        throw new AssertionError(
            "seed %d, input %s".formatted(seed, HexFormat.of().formatHex(input)), e);
      }
      rounds++;
    }
    assertThat(rounds).isGreaterThan(1000);
  }
}
