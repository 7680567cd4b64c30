package io.vela.admin;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.vela.config.HttpConfig;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpConnection;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The open HTTP connections: no more of them than configured, and none that waits for its client
 * longer than it may. While a request is at work nothing is waited for. Called on the event loop.
 */
final class Connections {
  /** Between two requests, and for a client that does not read its answer. */
  private static final Duration IDLE = Duration.ofSeconds(60);

  private static final long NO_TIMER = -1;

  private final Vertx vertx;
  private final HttpConfig config;
  private final Counter refused;

  /** Each with the timer that will close it. */
  private final Map<HttpConnection, Long> open = new ConcurrentHashMap<>();

  Connections(Vertx vertx, HttpConfig config, MeterRegistry meters) {
    this.vertx = vertx;
    this.config = config;
    this.refused =
        Counter.builder("vela.http.connections.refused")
            .description("HTTP connections closed because there were as many as may be")
            .register(meters);
    Gauge.builder("vela.http.connections", open, Map::size)
        .description("Open HTTP connections")
        .strongReference(true)
        .register(meters);
  }

  /** One has been accepted: it has some time for the head of its first request. */
  void opened(HttpConnection connection) {
    if (open.size() >= config.maxConnections()) {
      refused.increment();
      connection.close();
      return;
    }
    open.put(connection, NO_TIMER);
    connection.closeHandler(_ -> forget(connection));
    closeAfter(connection, config.headerTimeout());
  }

  private void forget(HttpConnection connection) {
    var timer = open.remove(connection);
    if (timer != null) {
      vertx.cancelTimer(timer);
    }
  }

  /** A request's head has come. */
  void working(HttpConnection connection) {
    rearm(connection, NO_TIMER);
  }

  /** The body of a request is waited for. */
  void reading(HttpConnection connection) {
    closeAfter(connection, config.bodyTimeout());
  }

  /** The answer is on its way, and another request may come. */
  void answered(HttpConnection connection) {
    closeAfter(connection, IDLE);
  }

  private void closeAfter(HttpConnection connection, Duration time) {
    if (open.containsKey(connection)) {
      rearm(connection, vertx.setTimer(time.toMillis(), _ -> connection.close()));
    }
  }

  private void rearm(HttpConnection connection, long timer) {
    var former = open.replace(connection, timer);
    if (former != null && former != NO_TIMER) {
      vertx.cancelTimer(former);
    }
  }
}
