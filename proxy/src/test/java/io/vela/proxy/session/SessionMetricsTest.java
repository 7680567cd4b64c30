package io.vela.proxy.session;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.vela.proxy.backend.BackendConnector;
import io.vela.proxy.cancel.CancelForwarder;
import io.vela.proxy.cancel.CancelRegistry;
import io.vela.proxy.net.Transport;
import io.vela.proxy.relay.Direction;
import io.vela.proxy.wire.SqlState;
import java.security.SecureRandom;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class SessionMetricsTest {
  private static final String ENDED = "vela.client.connections.total";

  /**
   * Micrometer's Prometheus registry takes {@code vela_client_connections} (a gauge) and {@code
   * vela_client_connections_total} (a counter) for one name and drops the second with a warning;
   * the text format allows both. So the second needs a registry of its own, scraped together with
   * the first.
   */
  @Test
  void prometheusSeesThemUnderTheirDocumentedNames() {
    var most = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    most.config().meterFilter(MeterFilter.deny(id -> id.getName().equals(ENDED)));
    var rest = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    rest.config().meterFilter(MeterFilter.denyUnless(id -> id.getName().equals(ENDED)));
    var registry = new CompositeMeterRegistry();
    registry.add(most).add(rest);
    var metrics = new SessionMetrics(registry, new Sessions());
    new CancelForwarder(
        new CancelRegistry(new SecureRandom()),
        new BackendConnector(Transport.NIO, Duration.ofSeconds(1)),
        registry);

    metrics.ended(Ending.SERVED);
    metrics.refused(SqlState.INVALID_PASSWORD);
    metrics.relayed(Direction.TO_BACKEND, 10, 2);
    metrics.authenticationFailed("md5");

    assertThat(most.scrape() + rest.scrape())
        .contains(
            "vela_client_connections{state=\"starting\"} 0.0",
            "vela_client_connections{state=\"active\"} 0.0",
            "vela_client_connections{state=\"idle\"} 0.0",
            "vela_client_connections_total{outcome=\"served\"} 1.0",
            "vela_backend_connections{state=\"busy\"} 0.0",
            "vela_auth_failures_total{method=\"md5\"} 1.0",
            "vela_refusals_total{sqlstate=\"28P01\"} 1.0",
            "vela_relay_bytes_total{direction=\"to_backend\"} 10.0",
            "vela_requests_total 2.0",
            "vela_cancel_requests_total{outcome=\"unknown\"} 0.0");
  }
}
