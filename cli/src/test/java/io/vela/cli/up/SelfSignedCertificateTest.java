package io.vela.cli.up;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.config.ListenerConfig;
import io.vela.config.ProxyProtocolConfig;
import io.vela.config.TlsConfig;
import io.vela.config.TlsConfig.Mode;
import io.vela.config.TlsConfig.PemFiles;
import io.vela.config.value.HostPort;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SelfSignedCertificateTest {
  @TempDir private Path data;

  private static ListenerConfig listener(String suffix) {
    return new ListenerConfig(
        new HostPort("127.0.0.1", 6432),
        Optional.empty(),
        Optional.of(suffix),
        TlsConfig.OFF,
        ProxyProtocolConfig.OFF,
        Optional.empty());
  }

  private X509Certificate keep(Instant now, ListenerConfig... listeners) throws Exception {
    var certificate = new SelfSignedCertificate(data, InstantSource.fixed(now));
    var with = certificate.forListeners(List.of(listeners));
    assertThat(with)
        .allSatisfy(
            listener -> {
              assertThat(listener.tls().mode()).isEqualTo(Mode.ALLOW);
              assertThat(listener.tls().identity())
                  .contains(
                      new PemFiles(
                          certificate.certificate(),
                          data.resolve("tls/server.key"),
                          Optional.empty()));
            });
    try (var in = Files.newInputStream(certificate.certificate())) {
      return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
    }
  }

  @Test
  void itIsForTheHostsOwnNamesAndThoseOfBranches() throws Exception {
    var certificate = keep(Instant.now(), listener("db.example.com"));
    assertThat(certificate.getSubjectAlternativeNames())
        .extracting(name -> String.valueOf(name.get(1)))
        .containsExactlyInAnyOrder(
            "localhost", "127.0.0.1", "0:0:0:0:0:0:0:1", "db.example.com", "*.db.example.com");
    assertThat(Files.getPosixFilePermissions(data.resolve("tls/server.key")))
        .isEqualTo(PosixFilePermissions.fromString("rw-------"));
    try (var files = Files.list(data.resolve("tls"))) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("server.crt", "server.key");
    }
  }

  @Test
  void itIsKeptUntilItRunsOutOrANameIsMissing() throws Exception {
    var now = Instant.now();
    var first = keep(now, listener("db.example.com"));
    assertThat(keep(now, listener("db.example.com"))).isEqualTo(first);
    var wider = keep(now, listener("db.example.com"), listener("pg.example.org"));
    assertThat(wider).isNotEqualTo(first);
    assertThat(keep(now.plus(Duration.ofDays(700)), listener("db.example.com")))
        .isNotEqualTo(wider);
  }

  @Test
  void aListenerWithACertificateKeepsIt() throws Exception {
    var own =
        listener("db.example.com")
            .withTls(
                new TlsConfig(
                    Mode.REQUIRE,
                    Optional.of(new PemFiles(Path.of("a"), Path.of("b"), Optional.empty())),
                    Optional.empty(),
                    TlsConfig.OFF.clientCertificates(),
                    TlsConfig.OFF.minVersion(),
                    TlsConfig.OFF.provider()));
    assertThat(new SelfSignedCertificate(data, InstantSource.system()).forListeners(List.of(own)))
        .containsExactly(own);
  }
}
