package io.vela.admin;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;

/**
 * All meters of a Vela and the page that Prometheus reads. Any thread.
 *
 * <p>The page has a gauge {@code vela_client_connections} (now) and a counter {@code
 * vela_client_connections_total} (so far). One Prometheus registry refuses such a pair, because
 * OpenMetrics drops {@code _total} from a counter's name; in the text format 0.0.4, which is what
 * the page is written in, they are two metrics. So the counter has a registry of its own.
 */
public final class MetricsPage {
  private static final String TOTAL = "vela.client.connections.total";

  private final PrometheusMeterRegistry most =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final PrometheusMeterRegistry rest =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final CompositeMeterRegistry meters = new CompositeMeterRegistry();

  public MetricsPage() {
    most.config().meterFilter(MeterFilter.deny(id -> id.getName().equals(TOTAL)));
    rest.config().meterFilter(MeterFilter.deny(id -> !id.getName().equals(TOTAL)));
    meters.add(most);
    meters.add(rest);
  }

  /** Where meters are registered. */
  public MeterRegistry meters() {
    return meters;
  }

  /** The page, in Prometheus's text format 0.0.4. */
  String scrape() {
    return most.scrape() + rest.scrape();
  }
}
