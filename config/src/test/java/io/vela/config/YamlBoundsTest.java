package io.vela.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a hostile {@code vela.yaml} may cost, and what is said of it. */
@Timeout(30)
final class YamlBoundsTest {
  private final ConfigLoader loader = new ConfigLoader(Path.of("/home/vera"));

  private ConfigException.ConfigError refused(String text) {
    var refused =
        catchThrowableOfType(
            ConfigException.class, () -> loader.parse("vela.yaml", Path.of("/etc/vela"), text));
    assertThat(refused.errors()).hasSize(1);
    return refused.errors().getFirst();
  }

  @Test
  void deepNestingIsRefusedAtItsLine() {
    var error = refused("pool:\n  path:\n    " + "[".repeat(200_000));

    assertThat(error.line()).isEqualTo(3);
    assertThat(error.problem()).contains("nested deeper than 32");
  }

  @Test
  void aBillionLaughsAreRefusedAtTheirLine() {
    var laughs =
        IntStream.range(1, 10)
            .mapToObj(
                i -> "a%d: &a%d [%s]\n".formatted(i, i, ("*a" + (i - 1) + ", ").repeat(9) + "x"))
            .collect(Collectors.joining());
    var error = refused("a0: &a0 [lol]\n" + laughs);

    assertThat(error.line()).isEqualTo(7);
    assertThat(error.problem()).contains("more than 50 aliases");
  }

  @Test
  void aHugeValueIsRefusedAtItsLineAndNotRepeated() {
    var error = refused("pool: {}\nhttp: " + "x".repeat(100_000));

    assertThat(error.line()).isEqualTo(2);
    assertThat(error.problem()).contains("longer than 4096 characters").hasSizeLessThan(100);
  }

  @Test
  void tooManyValuesAreRefusedAtTheirLine() {
    var error = refused("listen:\n" + "  - x\n".repeat(60_000));

    assertThat(error.line()).isGreaterThan(40_000);
    assertThat(error.problem()).contains("more than 50000 values");
  }

  @Test
  void aKeyThatIsThereTwiceIsRefusedAtItsLine() {
    var error = refused("pool: {}\npool: {}\n");

    assertThat(error.line()).isEqualTo(2);
    assertThat(error.problem()).contains("twice");
  }

  @Test
  void aFileIsReadToABound(@TempDir Path folder) throws Exception {
    var file = Files.writeString(folder.resolve("vela.yaml"), "#".repeat(YamlBounds.MAX_BYTES + 1));

    for (var endless : new Path[] {file, Path.of("/dev/zero")}) {
      var refused = catchThrowableOfType(ConfigException.class, () -> loader.load(endless));
      assertThat(refused.getMessage()).contains(endless.toString(), "longer than 1048576 bytes");
    }
  }

  @Test
  void anOrdinaryUseOfAnchorsIsRead() throws Exception {
    var config =
        loader.parse(
            "vela.yaml", Path.of("/etc/vela"), "limits: {wake-timeout: &t 7s, drain-timeout: *t}");

    assertThat(config.limits().wakeTimeout()).isEqualTo(Duration.ofSeconds(7));
    assertThat(config.limits().drainTimeout()).isEqualTo(Duration.ofSeconds(7));
  }
}
