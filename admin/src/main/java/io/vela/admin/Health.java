package io.vela.admin;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What must be well for Vela to serve, as {@code /healthz} tells it and as {@code
 * vela_health{part="…"}}. Each part is looked at once a second at most, however many ask, and one
 * that does not answer is down. Safe for use from any thread.
 */
public final class Health {
  private static final Logger log = LoggerFactory.getLogger(Health.class);
  private static final Duration PATIENCE = Duration.ofSeconds(2);
  private static final Duration FRESH = Duration.ofSeconds(1);

  private final MeterRegistry registry;
  private final Executor threads;
  private final Map<String, Part> parts = new LinkedHashMap<>();

  /**
   * @param threads a virtual thread a task
   */
  public Health(MeterRegistry registry, Executor threads) {
    this.registry = registry;
    this.threads = threads;
  }

  /**
   * Adds a part.
   *
   * @param name in lower case; the member of the JSON object and the label of the metric
   */
  public void add(String name, HealthPart part) {
    var added = new Part(name, part);
    synchronized (parts) {
      parts.put(name, added);
    }
    Gauge.builder("vela.health", added, it -> it.now().up() ? 1 : 0)
        .description("Whether a part of Vela serves")
        .tag("part", name)
        .strongReference(true)
        .register(registry);
  }

  /** How all parts are. Blocks, for a bounded time. */
  Map<String, HealthPart.State> look() {
    Map<String, Part> all;
    synchronized (parts) {
      all = new LinkedHashMap<>(parts);
    }
    for (var part : all.values()) {
      var _ = part.begin();
    }
    var states = new LinkedHashMap<String, HealthPart.State>();
    all.forEach((name, part) -> states.put(name, part.now()));
    return states;
  }

  /** The answer of {@code /healthz}: 200 while every part is up, else 503. */
  Reply reply() {
    var states = look();
    var json = new JsonObject();
    states.forEach((name, state) -> json.put(name, told(state)));
    return Reply.json(
        areUp(states) ? 200 : 503,
        new JsonObject().put("status", word(areUp(states))).put("parts", json));
  }

  /** The same for an administrator, who is told more; 200 however the parts are. */
  Reply diagnosis() {
    var states = look();
    var json = new JsonObject();
    states.forEach(
        (name, state) -> json.put(name, told(state).put("diagnosis", state.diagnosis())));
    return Reply.ok(new JsonObject().put("status", word(areUp(states))).put("parts", json));
  }

  private static boolean areUp(Map<String, HealthPart.State> states) {
    return states.values().stream().allMatch(HealthPart.State::up);
  }

  private static JsonObject told(HealthPart.State state) {
    return new JsonObject().put("status", word(state.up())).put("detail", state.detail());
  }

  private static String word(boolean up) {
    return up ? "ok" : "down";
  }

  /** One part, and the last look at it. */
  private final class Part {
    private final String name;
    private final HealthPart part;
    private @Nullable CompletableFuture<HealthPart.State> look;
    private long endedAt;
    private boolean wasUp = true;

    Part(String name, HealthPart part) {
      this.name = name;
      this.part = part;
    }

    /** The look that is under way or fresh, else a new one. */
    synchronized CompletableFuture<HealthPart.State> begin() {
      var last = look;
      if (last != null && (!last.isDone() || System.nanoTime() - endedAt < FRESH.toNanos())) {
        return last;
      }
      var next = new CompletableFuture<HealthPart.State>();
      look = next;
      threads.execute(
          () -> {
            var state = lookNow();
            ended(state);
            next.complete(state);
          });
      return next;
    }

    private HealthPart.State lookNow() {
      try {
        return part.look();
      } catch (Exception e) {
        log.warn("health of a part not known part={}", name, e);
        return HealthPart.State.down("it could not be looked at; the log says why");
      }
    }

    private synchronized void ended(HealthPart.State state) {
      endedAt = System.nanoTime();
      if (state.up() != wasUp) {
        wasUp = state.up();
        log.atLevel(wasUp ? org.slf4j.event.Level.INFO : org.slf4j.event.Level.WARN)
            .log("health part={} up={} detail=\"{}\"", name, wasUp, state.detail());
      }
    }

    HealthPart.State now() {
      try {
        return begin().get(PATIENCE.toNanos(), TimeUnit.NANOSECONDS);
      } catch (TimeoutException e) {
        return HealthPart.State.down("no answer within " + PATIENCE.toSeconds() + " s");
      } catch (ExecutionException e) {
        throw new IllegalStateException("a look never fails", e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return HealthPart.State.down("interrupted");
      }
    }
  }
}
