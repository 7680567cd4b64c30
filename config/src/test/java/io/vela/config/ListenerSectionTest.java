package io.vela.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.config.ConnectionLimits.Keepalive;
import io.vela.config.TlsConfig.ClientCertificates;
import io.vela.config.TlsConfig.Keystore;
import io.vela.config.TlsConfig.Mode;
import io.vela.config.TlsConfig.Password;
import io.vela.config.TlsConfig.PemFiles;
import io.vela.config.value.AddressRange;
import io.vela.config.value.HostPort;
import io.vela.config.value.Secret;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ListenerSectionTest {
  private static VelaConfig parse(String text) throws ConfigException {
    return new ConfigLoader(Path.of("/home/vera")).parse("vela.yaml", Path.of("/etc/vela"), text);
  }

  private static ListenerConfig listener(String keys) throws ConfigException {
    return parse("listen:\n  - {address: 0.0.0.0:6432, " + keys + "}\n").listen().getFirst();
  }

  @Test
  void everythingCanBeSet() throws Exception {
    var listener =
        listener(
            "suffix: DB.example.com, max-connections: 7, proxy-protocol: required,"
                + " proxy-protocol-from: [10.0.0.0/8, '::1'], tls: {mode: allow,"
                + " certificate: a.crt, key: ~/a.key, password: x, client-ca: /ca,"
                + " client-certificates: require, min-version: 1.3, provider: jdk}");

    assertThat(listener)
        .isEqualTo(
            new ListenerConfig(
                new HostPort("0.0.0.0", 6432),
                Optional.empty(),
                Optional.of("db.example.com"),
                new TlsConfig(
                    Mode.ALLOW,
                    Optional.of(
                        new PemFiles(
                            Path.of("/etc/vela/a.crt"),
                            Path.of("/home/vera/a.key"),
                            Optional.of(new Password.Given(new Secret("x"))))),
                    Optional.of(Path.of("/ca")),
                    ClientCertificates.REQUIRE,
                    TlsConfig.Version.TLS_1_3,
                    TlsConfig.Provider.JDK),
                new ProxyProtocolConfig(
                    ProxyProtocolConfig.Mode.REQUIRED,
                    List.of(AddressRange.parse("10.0.0.0/8"), AddressRange.parse("::1"))),
                Optional.of(7)));
  }

  @Test
  void whoNamesACertificateWantsTlsAndWhoNamesAnAuthorityWantsClientsAsked() throws Exception {
    var tls = listener("tls: {keystore: a.p12, password-file: p, client-ca: ca}").tls();

    assertThat(tls.mode()).isEqualTo(Mode.REQUIRE);
    assertThat(tls.clientCertificates()).isEqualTo(ClientCertificates.REQUEST);
    assertThat(tls.identity())
        .contains(
            new Keystore(
                Path.of("/etc/vela/a.p12"),
                Optional.of(new Password.InFile(Path.of("/etc/vela/p")))));
    assertThat(listener("max-connections: 1").tls()).isEqualTo(TlsConfig.OFF);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "tls: {mode: on} | listen[0].tls.mode: \"on\" is not a TLS mode",
        "tls: {mode: require} | listen[0].tls.mode: TLS needs certificate and key, or keystore",
        "tls: {certificate: a} | listen[0].tls.certificate: certificate and key go together",
        "tls: {certificate: a, key: b, keystore: c} | listen[0].tls.keystore: expected either",
        "tls: {keystore: c, password: a, password-file: b} | tls.password-file: expected either",
        "tls: {min-version: 1.1} | expected 1.2 or 1.3",
        "tls: {provider: gnutls} | expected one of auto, openssl, jdk",
        "tls: {client-certificates: request} | client certificates need client-ca",
        "tls: {cert: a} | listen[0].tls.cert: unknown key",
        "suffix: .example.com | is not a domain",
        "max-connections: 0 | expected at least 1",
        "proxy-protocol: optional | the PROXY protocol needs proxy-protocol-from",
        "proxy-protocol-from: [host] | listen[0].proxy-protocol-from[0]: \"host\" is not a range",
        "proxy-protocol-from: [10.0.0.1/8] | 10.0.0.1 has bits set behind its prefix of 8",
        "proxy-protocol-from: [10.0.0.0/33] | prefix 33 is not between 0 and 32",
      })
  void whatIsWrongIsSaidWithItsPlace(String keys, String problem) {
    assertThatThrownBy(() -> listener(keys))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("vela.yaml:")
        .hasMessageContaining(problem);
  }

  @Test
  void aPasswordIsNotPrinted() throws Exception {
    assertThat(listener("tls: {keystore: a.p12, password: opensesame}").toString())
        .doesNotContain("opensesame");
  }

  @Test
  void connectionsAreBounded() throws Exception {
    var limits =
        parse(
                "limits: {connections-per-branch: 3, connections-per-address: 4,"
                    + " keepalive: {idle: 5min, interval: 2s, count: 9}}")
            .limits();

    assertThat(limits.connections())
        .isEqualTo(
            new ConnectionLimits(
                Optional.of(3),
                Optional.of(4),
                new Keepalive(Duration.ofMinutes(5), Duration.ofSeconds(2), 9)));
    assertThat(LimitsConfig.DEFAULT.connections())
        .isEqualTo(
            new ConnectionLimits(
                Optional.empty(),
                Optional.empty(),
                new Keepalive(Duration.ofSeconds(60), Duration.ofSeconds(10), 6)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"idle: 500ms", "interval: 1500ms", "idle: 10h", "count: 128"})
  void whatTheKernelDoesNotTakeIsAnError(String keepalive) {
    assertThatThrownBy(() -> parse("limits: {keepalive: {" + keepalive + "}}"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("limits.keepalive.");
  }

  @ParameterizedTest
  @CsvSource({
    "10.0.0.0/8, 10.255.0.1, true",
    "10.0.0.0/8, 11.0.0.1, false",
    "192.0.2.128/25, 192.0.2.127, false",
    "192.0.2.7, 192.0.2.7, true",
    "0.0.0.0/0, 203.0.113.9, true",
    "0.0.0.0/0, ::1, false",
    "fd00::/8, fdff::1, true",
    "::/0, 10.0.0.1, false",
  })
  void aRangeHoldsItsAddressesOnly(String range, String address, boolean within) {
    assertThat(AddressRange.parse(range).contains(InetAddress.ofLiteral(address)))
        .isEqualTo(within);
  }
}
