package io.vela.proxy.session;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.vela.proxy.relay.Direction;
import io.vela.proxy.relay.RelayMeter;
import io.vela.proxy.wire.SqlState;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** What sessions count. Safe for use from any thread. */
public final class SessionMetrics implements RelayMeter {
  private final MeterRegistry meters;
  private final Map<Ending, Counter> endings = new EnumMap<>(Ending.class);
  private final Map<SqlState, Counter> refusals = new EnumMap<>(SqlState.class);
  private final Map<Direction, Counter> bytes = new EnumMap<>(Direction.class);
  private final Counter requests;
  private final Timer restores;

  /**
   * Registers the meters.
   *
   * @param sessions whose states are shown as gauges
   */
  public SessionMetrics(MeterRegistry meters, Sessions sessions) {
    this.meters = meters;
    for (var phase : Phase.values()) {
      Gauge.builder("vela.client.connections", sessions, all -> (double) all.count(phase))
          .description("Client connections by what they are doing")
          .tag("state", phase.name().toLowerCase(Locale.ROOT))
          .register(meters);
    }
    Gauge.builder("vela.backend.connections", sessions, all -> (double) all.countBackends())
        .description("Connections to instances")
        .tag("state", "busy")
        .register(meters);
    for (var ending : Ending.values()) {
      endings.put(
          ending,
          counter(
              "vela.client.connections.total",
              "Client connections that have ended, by how",
              "outcome",
              ending.label()));
    }
    for (var state : SqlState.values()) {
      refusals.put(
          state,
          counter("vela.refusals", "Errors that Vela itself told", "sqlstate", state.code()));
    }
    for (var direction : Direction.values()) {
      bytes.put(
          direction,
          counter(
              "vela.relay.bytes",
              "Bytes relayed between clients and instances",
              "direction",
              direction.name().toLowerCase(Locale.ROOT)));
    }
    restores =
        Timer.builder("vela.session.restore")
            .description("Giving a parked session's state to a new backend")
            .publishPercentileHistogram()
            .register(meters);
    requests =
        Counter.builder("vela.requests")
            .description("Query, Sync and FunctionCall messages relayed")
            .register(meters);
  }

  private Counter counter(String name, String description, String tag, String value) {
    return Counter.builder(name).description(description).tag(tag, value).register(meters);
  }

  @Override
  public void relayed(Direction direction, long byteCount, long requestCount) {
    count(bytes, direction, byteCount);
    if (requestCount > 0) {
      requests.increment((double) requestCount);
    }
  }

  /** A session gave up its backend. */
  void parked() {
    parks("parked", "idle");
  }

  /**
   * A session could not.
   *
   * @param reason one of a fixed set
   */
  void notParked(String reason) {
    parks(reason.equals("busy") ? "aborted" : "vetoed", reason);
  }

  /** A session could not be given back what it had. */
  void notRestored() {
    parks("lost", "restore");
  }

  private void parks(String outcome, String reason) {
    Counter.builder("vela.session.parks")
        .description("Tries to park a session, by what came of them")
        .tag("outcome", outcome)
        .tag("reason", reason)
        .register(meters)
        .increment();
  }

  /**
   * A parked session has a backend again.
   *
   * @param nanos from that backend's readiness on
   */
  void restored(long nanos) {
    restores.record(nanos, TimeUnit.NANOSECONDS);
  }

  void ended(Ending ending) {
    count(endings, ending, 1);
  }

  void refused(SqlState state) {
    count(refusals, state, 1);
  }

  /**
   * A password did not match.
   *
   * @param method the label of its {@link io.vela.proxy.auth.AuthMethod}
   */
  void authenticationFailed(String method) {
    counter("vela.auth.failures", "Failed authentications", "method", method).increment();
  }

  /**
   * The answer to a guess was held back.
   *
   * @param outcome {@code delayed}, or {@code refused} where too many waited already
   */
  void throttled(String outcome) {
    counter(
            "vela.auth.throttled",
            "Authentications held back because others before them failed",
            "outcome",
            outcome)
        .increment();
  }

  private static <K extends Enum<K>> void count(Map<K, Counter> counters, K key, long by) {
    var counter = counters.get(key);
    if (counter != null) {
      counter.increment((double) by);
    }
  }
}
