package io.vela.config.value;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ValuesTest {
  @ParameterizedTest
  @CsvSource({"500ms,500", "60s,60000", "5min,300000", "1h,3600000", "2 d,172800000", "0s,0"})
  void aDurationIsANumberAndAUnit(String text, long millis) {
    assertThat(Durations.parse(text)).isEqualTo(Duration.ofMillis(millis));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "5", "s", "5 m", "1.5s", "-1s", "5S", "1us", "999999999999999d", "100001d"})
  void anythingElseIsNotADuration(String text) {
    assertThatIllegalArgumentException().isThrownBy(() -> Durations.parse(text));
  }

  @ParameterizedTest
  @ValueSource(strings = {"0s", "1ms", "1500ms", "90s", "5min", "36h", "2d"})
  void aDurationIsWrittenAsItIsRead(String text) {
    assertThat(Durations.format(Durations.parse(text))).isEqualTo(text);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a",
        "0",
        "pr-42",
        "a.b_c-d",
        "a23456789012345678901234567890123456789012345678901234567890123"
      })
  void aNameIsLowerCaseLettersDigitsAndThreeSigns(String text) {
    assertThat(new BranchName(text)).hasToString(text);
    assertThat(new BaselineName(text)).hasToString(text);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "A",
        "-a",
        "a-",
        ".a",
        "a.",
        "a/b",
        "a b",
        "a\nb",
        "é",
        "a@b",
        "a~b",
        "a234567890123456789012345678901234567890123456789012345678901234"
      })
  void anythingElseIsNotAName(String text) {
    assertThatIllegalArgumentException().isThrownBy(() -> new BranchName(text));
    assertThatIllegalArgumentException().isThrownBy(() -> new BaselineName(text));
  }

  @ParameterizedTest
  @CsvSource({
    "127.0.0.1:6432,127.0.0.1,6432",
    "db.example.com:5,db.example.com,5",
    "[::1]:6432,::1,6432",
    ":7,127.0.0.1,7",
    "7,127.0.0.1,7",
    "localhost:0,localhost,0"
  })
  void anAddressIsHostAndPort(String text, String host, int port) {
    assertThat(HostPort.parse(text)).isEqualTo(new HostPort(host, port));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a", "a:", "a:b", "a:65536", "a:-1", "::1:6432", "[]:1", " :1"})
  void anythingElseIsNotAnAddress(String text) {
    assertThatIllegalArgumentException().isThrownBy(() -> HostPort.parse(text));
  }

  @Test
  void anIpv6AddressIsPrintedInBrackets() {
    assertThat(HostPort.parse("[::1]:6432")).hasToString("[::1]:6432");
  }

  @ParameterizedTest
  @CsvSource({"7,7", "7B,7", "1kB,1024", "3MB,3145728", "2 GB,2147483648", "1TB,1099511627776"})
  void aSizeIsANumberAndAUnitOf1024(String text, long bytes) {
    assertThat(ByteSize.parse(text)).isEqualTo(new ByteSize(bytes));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "kB", "1KB", "1.5MB", "-1", "999999999999999TB"})
  void anythingElseIsNotASize(String text) {
    assertThatIllegalArgumentException().isThrownBy(() -> ByteSize.parse(text));
  }

  @Test
  void aSizeIsPrintedForPeople() {
    assertThat(new ByteSize(0)).hasToString("0B");
    assertThat(new ByteSize(1536)).hasToString("1.5kB");
    assertThat(new ByteSize(64L << 30)).hasToString("64GB");
  }

  @Test
  void aSecretPrintsAsStars() {
    assertThat(new Secret("hunter2")).hasToString("***");
    assertThat("" + java.util.Optional.of(new Secret("hunter2"))).doesNotContain("hunter2");
  }
}
