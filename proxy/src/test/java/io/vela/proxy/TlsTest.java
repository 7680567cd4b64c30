package io.vela.proxy;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vela.agent.Endpoint;
import io.vela.config.ConnectionLimits;
import io.vela.config.LimitsConfig;
import io.vela.config.ListenerConfig;
import io.vela.config.NetworkConfig;
import io.vela.config.ProxyProtocolConfig;
import io.vela.config.TlsConfig;
import io.vela.config.TlsConfig.ClientCertificates;
import io.vela.config.TlsConfig.Mode;
import io.vela.config.TlsConfig.Version;
import io.vela.config.value.ByteSize;
import io.vela.config.value.HostPort;
import io.vela.router.RouteFailure;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.slf4j.LoggerFactory;

/** How connections come to TLS, or do not; none of them gets to an instance. */
class TlsTest {
  private static final int SSL_REQUEST = 1234 << 16 | 5679;
  private static final int GSSENC_REQUEST = 1234 << 16 | 5680;

  private static final Logger LOGGER = (Logger) LoggerFactory.getLogger("io.vela.proxy");

  @TempDir private static Path folder;
  private static TestCertificates certificates;

  private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  private final ScriptedRouter router = new ScriptedRouter(new Endpoint.UnixSocket("/nowhere"));
  private final CopyOnWriteArrayList<String> branches = new CopyOnWriteArrayList<>();
  private final ListAppender<ILoggingEvent> logged = new ListAppender<>();
  private ProxyServer server;

  @BeforeAll
  static void issue() throws Exception {
    certificates = new TestCertificates(folder);
  }

  @BeforeEach
  void listen() throws Exception {
    logged.start();
    LOGGER.setLevel(Level.DEBUG);
    LOGGER.addAppender(logged);
    router.refuses =
        address -> {
          branches.add(address.branch().map(Object::toString).orElse("-"));
          return Optional.of(new RouteFailure.NoBranchNamed());
        };
    server = open(certificates.config(Mode.REQUIRE, TlsConfig.Provider.AUTO));
  }

  @AfterEach
  void stop() {
    server.close(Duration.ofSeconds(5));
    LOGGER.detachAppender(logged);
    LOGGER.setLevel(null);
    assertThat(logged.list)
        .as("no failure of TLS is a surprise")
        .allMatch(event -> event.getThrowableProxy() == null);
  }

  private void start(TlsConfig tls) throws Exception {
    server.close(Duration.ZERO);
    server = open(tls);
  }

  private ProxyServer open(TlsConfig tls) throws Exception {
    return ProxyServer.start(
        List.of(
            new ListenerConfig(
                new HostPort("127.0.0.1", 0),
                Optional.empty(),
                Optional.of("db.example.com"),
                tls,
                ProxyProtocolConfig.OFF,
                Optional.empty())),
        new LimitsConfig(
            Duration.ofSeconds(10),
            Duration.ofSeconds(10),
            Duration.ofSeconds(3),
            2,
            ByteSize.parse("64kB"),
            ConnectionLimits.DEFAULT),
        NetworkConfig.DEFAULT,
        router,
        meters);
  }

  private RawClient plain() throws Exception {
    return new RawClient(server.addresses().getFirst());
  }

  private Socket socket() throws Exception {
    var address = server.addresses().getFirst();
    return new Socket(address.getAddress(), address.getPort());
  }

  /** TLS as libpq begins it. */
  private SSLSocket negotiated(String serverName, String... protocols) throws Exception {
    var asking = plain();
    asking.sendInts(8, SSL_REQUEST);
    assertThat(asking.readByte()).isEqualTo('S');
    return certificates.over(asking.socket(), serverName, protocols);
  }

  private double ended(String outcome) {
    return meters.get("vela.client.connections.total").tag("outcome", outcome).counter().count();
  }

  private static String errorOf(SSLSocket tls, String... parameters) throws Exception {
    try (var client = new RawClient(tls)) {
      client.startup(parameters);
      return client.readMessage();
    }
  }

  private static String subject(SSLSocket tls) throws Exception {
    return ((X509Certificate) tls.getSession().getPeerCertificates()[0])
        .getSubjectX500Principal()
        .getName();
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsConfig.Provider.class,
      names = {"OPENSSL", "JDK"})
  void tlsIsGrantedInBothVersions(TlsConfig.Provider provider) throws Exception {
    start(certificates.config(Mode.REQUIRE, provider));
    for (var version : List.of("TLSv1.2", "TLSv1.3")) {
      var tls = negotiated("localhost");
      tls.setEnabledProtocols(new String[] {version});
      assertThat(errorOf(tls, "user", "app")).contains("3D000");
      assertThat(tls.getSession().getProtocol()).isEqualTo(version);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsConfig.Provider.class,
      names = {"OPENSSL", "JDK"})
  void anOldVersionIsRefusedWhereItIsNotWanted(TlsConfig.Provider provider) throws Exception {
    start(certificates.config(Mode.REQUIRE, provider, Version.TLS_1_3, ClientCertificates.NONE));
    try (var tls = negotiated("localhost")) {
      tls.setEnabledProtocols(new String[] {"TLSv1.2"});
      assertThatThrownBy(tls::startHandshake).isInstanceOf(SSLException.class);
    }
    await().untilAsserted(() -> assertThat(ended("tls_failed")).isEqualTo(1));
  }

  @Test
  void theLogSaysWhichProviderDoesTheCryptography() throws Exception {
    start(certificates.config(Mode.ALLOW, TlsConfig.Provider.AUTO));
    assertThat(logged.list)
        .anyMatch(event -> event.getFormattedMessage().contains("provider=\"openssl BoringSSL"));
  }

  @Test
  void plaintextIsRefusedWhereTlsIsDemanded() throws Exception {
    try (var client = plain()) {
      client.startup("user", "app", "database", "app@pr-1");
      assertThat(client.readMessage())
          .startsWith("E")
          .contains("28000", "encrypted connections only", "sslmode=require");
      assertThat(client.readMessage()).isEmpty();
    }
    assertThat(branches).isEmpty();
  }

  @Test
  void plaintextIsHeardWhereTlsIsOnlyAllowed() throws Exception {
    start(certificates.config(Mode.ALLOW, TlsConfig.Provider.AUTO));
    try (var client = plain()) {
      client.startup("user", "app");
      assertThat(client.readMessage()).contains("3D000");
    }
  }

  @Test
  void gssapiIsRefusedAndTlsThenGranted() throws Exception {
    var asking = plain();
    asking.sendInts(8, GSSENC_REQUEST);
    assertThat(asking.readByte()).isEqualTo('N');
    asking.sendInts(8, SSL_REQUEST);
    assertThat(asking.readByte()).isEqualTo('S');
    assertThat(errorOf(certificates.over(asking.socket(), "localhost"), "user", "app"))
        .contains("3D000");
  }

  @Test
  void whatComesWithAnSslRequestEndsTheConnection() throws Exception {
    try (var client = plain()) {
      client.sendInts(8, SSL_REQUEST, 8, 3 << 16);
      assertThat(client.readMessage())
          .startsWith("E")
          .contains("08P01", "received unencrypted data after SSL request");
      assertThat(client.readByte()).isNegative();
    }
    assertThat(branches).isEmpty();
  }

  @Test
  void aSecondEncryptionIsRefusedAsByPostgres() throws Exception {
    for (var request : List.of(SSL_REQUEST, GSSENC_REQUEST)) {
      try (var client = new RawClient(negotiated("localhost"))) {
        client.sendInts(8, request);
        assertThat(client.readMessage()).contains("0A000", "unsupported frontend protocol");
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsConfig.Provider.class,
      names = {"OPENSSL", "JDK"})
  void directTlsIsServedWithItsProtocolOnly(TlsConfig.Provider provider) throws Exception {
    start(certificates.config(Mode.REQUIRE, provider));
    var direct = certificates.over(socket(), "pr-42.db.example.com", "postgresql");
    assertThat(errorOf(direct, "user", "app")).contains("3D000");
    assertThat(direct.getApplicationProtocol()).isEqualTo("postgresql");
    assertThat(branches).containsExactly("pr-42");

    try (var without = certificates.over(socket(), "localhost")) {
      without.startHandshake();
      assertThat(without.getInputStream().read()).isNegative();
    }
    try (var wrong = certificates.over(socket(), "localhost", "h2", "http/1.1")) {
      assertThatThrownBy(wrong::startHandshake)
          .isInstanceOf(SSLHandshakeException.class)
          .hasMessageContaining("no_application_protocol");
    }
    await().untilAsserted(() -> assertThat(ended("tls_failed")).isEqualTo(2));
    assertThat(branches).hasSize(1);
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsConfig.Provider.class,
      names = {"OPENSSL", "JDK"})
  void theProtocolMayBeLeftOutAfterAnSslRequestButNotBeWrong(TlsConfig.Provider provider)
      throws Exception {
    start(certificates.config(Mode.REQUIRE, provider));
    assertThat(errorOf(negotiated("localhost"), "user", "app")).contains("3D000");
    assertThat(errorOf(negotiated("localhost", "h2", "postgresql"), "user", "app"))
        .contains("3D000");
    try (var wrong = negotiated("localhost", "h2")) {
      assertThatThrownBy(wrong::startHandshake).hasMessageContaining("no_application_protocol");
    }
  }

  @Test
  void theServerNameNamesTheBranch() throws Exception {
    errorOf(negotiated("pr-42.db.example.com"), "user", "app", "database", "app");
    errorOf(negotiated("PR-43.DB.example.COM"), "user", "app", "database", "app@pr-43");
    errorOf(negotiated("pr-44.other.example.com"), "user", "app", "database", "app");
    errorOf(negotiated("db.example.com"), "user", "app", "database", "app");
    assertThat(branches).containsExactly("pr-42", "pr-43", "-", "-");
    assertThat(errorOf(negotiated("pr-42.db.example.com"), "user", "app", "database", "app@pr-1"))
        .contains("22023", "\"pr-1\" and \"pr-42\"");
  }

  @ParameterizedTest
  @EnumSource(
      value = TlsConfig.Provider.class,
      names = {"OPENSSL", "JDK"})
  void aClientWithoutACertificateIsToldThatOneIsRequired(TlsConfig.Provider provider)
      throws Exception {
    start(certificates.config(Mode.REQUIRE, provider, Version.TLS_1_2, ClientCertificates.REQUIRE));
    assertThat(errorOf(negotiated("localhost"), "user", "app"))
        .contains("28000", "connection requires a valid client certificate");

    var asking = plain();
    asking.sendInts(8, SSL_REQUEST);
    assertThat(asking.readByte()).isEqualTo('S');
    var proven =
        (SSLSocket)
            certificates
                .client(true)
                .getSocketFactory()
                .createSocket(asking.socket(), "localhost", 1, true);
    assertThat(errorOf(proven, "user", "app")).contains("3D000");
  }

  @Test
  void aHandshakeThatDoesNotEndIsBoundedByTheAuthenticationTimeout() throws Exception {
    try (var silent = plain();
        var half = plain()) {
      silent.sendInts(8, SSL_REQUEST);
      half.send(new byte[] {0x16, 3, 1, 2, 0, 1, 0, 1});
      assertThat(silent.readByte()).isEqualTo('S');
      assertThat(silent.readByte()).isNegative();
      assertThat(half.readByte()).isNegative();
    }
    await().untilAsserted(() -> assertThat(ended("timed_out")).isEqualTo(2));
  }

  @Test
  void aFailedHandshakeIsOneLineOfTheLog() throws Exception {
    try (var client = plain()) {
      client.sendInts(8, SSL_REQUEST);
      assertThat(client.readByte()).isEqualTo('S');
      client.send("this is no TLS, and long enough to be seen as none".getBytes(UTF_8));
      while (client.readByte() >= 0) {
        // an alert, perhaps
      }
    }
    await().untilAsserted(() -> assertThat(ended("tls_failed")).isEqualTo(1));
    assertThat(logged.list)
        .filteredOn(event -> event.getFormattedMessage().startsWith("tls refused"))
        .singleElement()
        .matches(event -> event.getFormattedMessage().contains("client=127.0.0.1:"));
  }

  @Test
  void certificatesReloadAndWhoIsConnectedStays() throws Exception {
    try (var before = negotiated("localhost")) {
      before.startHandshake();
      assertThat(subject(before)).isEqualTo("CN=first");

      certificates.issueServer("CN=second");
      assertThat(server.reloadCertificates())
          .singleElement()
          .matches(outcome -> outcome.problem().isEmpty());
      try (var after = negotiated("localhost")) {
        after.startHandshake();
        assertThat(subject(after)).isEqualTo("CN=second");
      }

      var other = certificates.server("CN=third");
      Files.writeString(certificates.key, other.getPrivateKeyPEM());
      assertThat(server.reloadCertificates())
          .singleElement()
          .matches(
              outcome ->
                  outcome.problem().orElse("").endsWith("does not belong to the certificate"));
      Files.writeString(certificates.key, "nothing");
      assertThat(server.reloadCertificates().getFirst().problem())
          .contains(certificates.key + ": no private key in it");
      try (var still = negotiated("localhost")) {
        still.startHandshake();
        assertThat(subject(still)).isEqualTo("CN=second");
      }
      assertThat(errorOf(before, "user", "app")).contains("3D000");
    } finally {
      certificates.issueServer("CN=first");
    }
  }
}
