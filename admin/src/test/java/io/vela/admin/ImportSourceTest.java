package io.vela.admin;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.agent.Source;
import io.vela.config.value.HostPort;
import io.vela.config.value.Secret;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ImportSourceTest {
  @Test
  void aRunningServerIsAUrl() {
    assertThat(ImportSource.parse("postgresql://vera@db.example.com:7000/"))
        .isEqualTo(
            new Source.Physical(new HostPort("db.example.com", 7000), "vera", Optional.empty()));
    assertThat(ImportSource.parse("postgres://[::1]"))
        .isEqualTo(new Source.Physical(new HostPort("::1", 5432), "postgres", Optional.empty()));
  }

  @Test
  void userAndPasswordAreDecoded() {
    assertThat(ImportSource.parse("postgresql://a%40b:p%3Aw+%2f@db/"))
        .isEqualTo(
            new Source.Physical(new HostPort("db", 5432), "a@b", Optional.of(new Secret("p:w+/"))));
  }

  @Test
  void theConnectionIsEncryptedWhereOfferedUnlessTheUrlSaysOtherwise() {
    assertThat(tls("")).isEqualTo(Source.Tls.WHERE_OFFERED);
    assertThat(tls("?sslmode=disable").mode()).isEqualTo(Source.TlsMode.DISABLE);
    assertThat(
            tls("?sslmode=verify-full&sslrootcert=/etc/my%20ca.crt&sslcert=/c.crt&sslkey=/c.key"))
        .isEqualTo(
            new Source.Tls(
                Source.TlsMode.VERIFY_FULL,
                Optional.of("/etc/my ca.crt"),
                Optional.of("/c.crt"),
                Optional.of("/c.key")));
    assertThat(tls("?sslmode=require&sslrootcert=/ca.crt").mode())
        .isEqualTo(Source.TlsMode.VERIFY_CA);
  }

  private static Source.Tls tls(String query) {
    return switch (ImportSource.parse("postgresql://u@db/" + query)) {
      case Source.Physical physical -> physical.tls();
      case Source other -> throw new AssertionError(other);
    };
  }

  @Test
  void aFolderIsAbsolute() {
    assertThat(ImportSource.parse("dir:/var/lib/x y"))
        .isEqualTo(new Source.Directory("/var/lib/x y"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "dir:",
        "dir:here",
        "/var/lib/postgresql",
        "mysql://hunter2@db/",
        "postgresql://",
        "postgresql:///var",
        "postgresql://u:hunter2@db/app",
        "postgresql://u:hunter2@db/?sslmode=maybe",
        "postgresql://u:hunter2@db/?sslmode=require&sslmode=disable",
        "postgresql://u:hunter2@db/?sslmode",
        "postgresql://u:hunter2@db/?options=x",
        "postgresql://u:hunter2@db/?sslmode=verify-full",
        "postgresql://u:hunter2@db/?sslrootcert=relative.crt",
        "postgresql://u:hunter2@db/?sslcert=/only.crt",
        "postgresql://u:hunter2@db:70000/",
        "postgresql://u:hunter2 @db/"
      })
  void anythingElseIsRefusedWithoutRepeatingAPassword(String text) {
    assertThatThrownBy(() -> ImportSource.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .message()
        .doesNotContain("hunter2");
  }
}
