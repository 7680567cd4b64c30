package io.vela.admin;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.config.HttpConfig;
import io.vela.config.HttpConfig.MetricsAccess;
import io.vela.config.LiveConfig;
import io.vela.config.value.ByteSize;
import io.vela.config.value.HostPort;
import java.time.Duration;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What somebody who has shown no token can take, and what he may call the server. */
final class HttpBoundsTest {
  private static final HttpConfig CONFIG = HttpConfig.at(new HostPort("127.0.0.1", 0));

  private final FakeRouter router = new FakeRouter();
  private final MetricsPage metrics = new MetricsPage();
  private AdminServer server = start(CONFIG);

  private AdminServer start(HttpConfig config) {
    try {
      return AdminServer.start(
          config,
          router,
          metrics,
          new HostPort("127.0.0.1", 6432),
          () -> new LiveConfig.Change(List.of(), List.of(), List.of()),
          new Health(metrics.meters(), Thread::startVirtualThread));
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  private void restart(HttpConfig config) {
    server.close();
    server = start(config);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private RawHttp connect() throws Exception {
    return new RawHttp(server.address());
  }

  private String get(String path, String... headers) throws Exception {
    try (var http = connect()) {
      return http.write("GET " + path + " HTTP/1.1\n" + String.join("\n", headers) + "\n\n")
          .answer();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "localhost",
        "LOCALHOST:6433",
        "localhost.",
        "127.0.0.1:1",
        "127.8.8.8",
        "[::1]:80",
        "vela.example.com",
        "Vela.Example.com.:6433"
      })
  void aHostThatIsThisServerIsServed(String host) throws Exception {
    restart(hosts(List.of("vela.example.com")));

    assertThat(get("/healthz", "Host: " + host)).startsWith("HTTP/1.1 200 ");
  }

  private static HttpConfig hosts(List<String> hosts) {
    return new HttpConfig(
        CONFIG.address(),
        hosts,
        CONFIG.metrics(),
        CONFIG.maxConnections(),
        CONFIG.maxBody(),
        CONFIG.headerTimeout(),
        CONFIG.bodyTimeout());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "evil.example.com",
        "evil.example.com:6433",
        "localhost.evil.example.com",
        "127.0.0.1.evil.example.com",
        "192.0.2.7",
        "[2001:db8::1]:6433",
        ""
      })
  void aHostThatIsNotThisServerIsRefusedOnEveryPath(String host) throws Exception {
    for (var path : List.of("/healthz", "/metrics", "/v1/branches", "/nothing")) {
      assertThat(get(path, "Host: " + host, "Authorization: Bearer " + FakeRouter.BEARER))
          .as(path)
          .startsWith("HTTP/1.1 421 ")
          .contains("\"code\":\"misdirected\"");
    }
    assertThat(router.calls).isEmpty();
  }

  @Test
  void aRequestHasOneHost() throws Exception {
    assertThat(get("/healthz", "X: y")).startsWith("HTTP/1.1 400 ");
    assertThat(get("/healthz", "Host: localhost@evil.example.com")).startsWith("HTTP/1.1 400 ");
    assertThat(get("/healthz", "Host: localhost", "Host: evil.example.com"))
        .startsWith("HTTP/1.1 400 ");
  }

  @Test
  void onAllAddressesTheOneThatWasReachedMayBeNamed() throws Exception {
    restart(CONFIG.withAddress(new HostPort("0.0.0.0", 0)));
    server.close();
    server = start(CONFIG.withAddress(new HostPort("0.0.0.0", server.address().port())));
    try (var http = new RawHttp(new HostPort("127.0.0.1", server.address().port()))) {
      assertThat(http.write("GET /healthz HTTP/1.1\nHost: 127.0.0.1\n\n").answer())
          .startsWith("HTTP/1.1 200 ");
    }
  }

  @Test
  void metricsTakeATokenWhereThePolicySaysSo() throws Exception {
    assertThat(get("/metrics", "Host: localhost")).startsWith("HTTP/1.1 200 ");

    restart(
        new HttpConfig(
            CONFIG.address(),
            List.of(),
            MetricsAccess.TOKEN,
            CONFIG.maxConnections(),
            CONFIG.maxBody(),
            CONFIG.headerTimeout(),
            CONFIG.bodyTimeout()));

    assertThat(get("/metrics", "Host: localhost")).startsWith("HTTP/1.1 401 ");
    assertThat(
            get("/metrics", "Host: localhost", "Authorization: Bearer " + FakeRouter.BRANCH_BEARER))
        .startsWith("HTTP/1.1 403 ");
    assertThat(get("/metrics", "Host: localhost", "Authorization: Bearer " + FakeRouter.BEARER))
        .startsWith("HTTP/1.1 200 ");
  }

  @Test
  void whoHasShownNoTokenIsRefusedBeforeTheBodyHasCome() throws Exception {
    try (var http = connect()) {
      var answer =
          http.write(head("POST", "/v1/tokens", "Bearer vela_root_wrong", 10_000)).answer();

      assertThat(answer).startsWith("HTTP/1.1 401 ");
    }
  }

  @Test
  void aBodyThatIsAnnouncedAsTooLargeIsRefusedBeforeItHasCome() throws Exception {
    try (var http = connect()) {
      var answer =
          http.write(head("POST", "/v1/tokens", "Bearer " + FakeRouter.BEARER, 1 << 30)).answer();

      assertThat(answer).startsWith("HTTP/1.1 413 ").contains("65536 bytes");
    }
  }

  private static String head(String method, String path, String authorization, long length) {
    return "%s %s HTTP/1.1\nHost: localhost\nAuthorization: %s\nContent-Length: %d\n\n"
        .formatted(method, path, authorization, length);
  }

  @Test
  void aRefusedRequestWhoseBodyComesLaterLeavesTheConnectionUsable() throws Exception {
    try (var http = connect()) {
      assertThat(http.write(head("POST", "/v1/tokens", "Bearer vela_root_wrong", 5)).answer())
          .startsWith("HTTP/1.1 401 ");
      http.write("12345");
      assertThat(http.write("GET /healthz HTTP/1.1\nHost: localhost\n\n").answer())
          .startsWith("HTTP/1.1 200 ");
    }
  }

  private static HttpConfig impatient(int maxConnections) {
    return new HttpConfig(
        CONFIG.address(),
        List.of(),
        CONFIG.metrics(),
        maxConnections,
        ByteSize.parse("1kB"),
        Duration.ofMillis(300),
        Duration.ofMillis(300));
  }

  @Test
  void headsAndBodiesThatDoNotComeEndTheConnection() throws Exception {
    restart(impatient(9));
    try (var silent = connect();
        var halfHead = connect();
        var halfBody = connect();
        var refused = connect();
        var tooLarge = connect()) {
      halfHead.write("GET /healthz HTTP/1.1\nHost: loc");
      halfBody.write(head("POST", "/v1/tokens", "Bearer " + FakeRouter.BEARER, 10)).write("{");
      refused.write(head("POST", "/v1/tokens", "Bearer vela_root_wrong", 10)).write("{");
      tooLarge.write(head("POST", "/v1/tokens", "Bearer " + FakeRouter.BEARER, 1 << 20));

      silent.awaitClosed();
      halfHead.awaitClosed();
      halfBody.awaitClosed();
      refused.awaitClosed();
      tooLarge.awaitClosed();
    }
  }

  @Test
  void aHeadIsBounded() throws Exception {
    assertThat(get("/healthz", "Host: localhost", "X: " + "y".repeat(9000)))
        .matches("(?s)HTTP/1.[01] 431 .*");
    assertThat(get("/healthz?" + "y".repeat(5000), "Host: localhost"))
        .matches("(?s)HTTP/1.[01] 414 .*");
  }

  @Test
  void moreConnectionsThanMayBeAreClosedAndALeavingOneMakesRoom() throws Exception {
    restart(
        new HttpConfig(
            CONFIG.address(),
            List.of(),
            CONFIG.metrics(),
            2,
            CONFIG.maxBody(),
            CONFIG.headerTimeout(),
            CONFIG.bodyTimeout()));
    var second = connect();
    try (var first = connect()) {
      assertServes(first);
      assertServes(second);
      try (var third = connect()) {
        third.awaitClosed();
      }
      second.close();
      Awaitility.await()
          .ignoreExceptions() // A connection that is closed at once may be reset.
          .untilAsserted(
              () -> {
                try (var next = connect()) {
                  assertServes(next);
                }
              });
      assertServes(first);
    }
    assertThat(metrics.scrape()).contains("vela_http_connections_refused_total");
  }

  private static void assertServes(RawHttp http) throws Exception {
    assertThat(http.write("GET /healthz HTTP/1.1\nHost: localhost\n\n").answer())
        .startsWith("HTTP/1.1 200 ");
  }
}
