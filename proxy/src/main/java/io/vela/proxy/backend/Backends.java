package io.vela.proxy.backend;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import io.vela.agent.Endpoint;
import io.vela.config.BackendPolicy;
import io.vela.proxy.wire.StartupPacket.StartupMessage;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Where sessions get their backends: one started for them, or where policy allows one that is there
 * already. Kept backends hold no lease, so they keep no branch awake; they end with their instance,
 * and soon by themselves.
 *
 * <p>A session that found none makes one more be started for those who come after it; only such a
 * backend is ever kept, since Vela has heard its greeting. So there are as many as are used at
 * once.
 */
public final class Backends implements AutoCloseable {
  /**
   * How long one rests. What a new session sees is never older than this, and a DROP DATABASE, for
   * which Postgres lets others leave for five seconds, does not fail because of it.
   */
  private static final Duration REST = Duration.ofSeconds(3);

  /** How long one serves session after session: for what DISCARD ALL leaves behind. */
  private static final Duration LIFE = Duration.ofMinutes(1);

  /** Of one instance, in use or not: of the hundred that Postgres usually lets in. */
  private static final int MOST_OF_AN_INSTANCE = 16;

  /** Of all instances. */
  public static final int MOST = 256;

  private final BackendConnector connector;
  private final int most;
  private final ConcurrentMap<EventLoop, Shelf> shelves = new ConcurrentHashMap<>();
  private final ConcurrentMap<Endpoint, Integer> perInstance = new ConcurrentHashMap<>();
  private final ConcurrentMap<Endpoint, Long> fullSince = new ConcurrentHashMap<>();
  private volatile boolean closed;
  private final AtomicInteger total = new AtomicInteger();
  private final AtomicInteger resting = new AtomicInteger();

  public Backends(BackendConnector connector, MeterRegistry meters) {
    this(connector, MOST, meters);
  }

  /**
   * @param most how many may be kept, at most {@link #MOST}
   */
  public Backends(BackendConnector connector, int most, MeterRegistry meters) {
    this.connector = connector;
    this.most = Math.min(most, MOST);
    Gauge.builder("vela.backend.connections", resting, AtomicInteger::get)
        .description("Connections to instances")
        .tag("state", "spare")
        .register(meters);
  }

  /**
   * Opens a backend for a session: connects, or takes one that is kept. Either way the session says
   * its startup message and is answered. Never blocks; on the event loop. See {@link
   * BackendConnector#connect}.
   *
   * @param startup what the session will say
   * @param handler the channel's only handler
   */
  public Future<Channel> open(
      EventLoop eventLoop,
      Endpoint endpoint,
      StartupMessage startup,
      BackendPolicy policy,
      ChannelHandler handler) {
    var key = new BackendKey(endpoint, startup);
    if (!policy.keeps() || !key.mayBeKept()) {
      return connector.connect(eventLoop, endpoint, handler);
    }
    var shelf = shelves.computeIfAbsent(eventLoop, Shelf::new);
    var kept = shelf.take(key, policy.reuse());
    var opening =
        kept.map(backend -> backend.lend(handler))
            .orElseGet(() -> connector.connect(eventLoop, endpoint, handler));
    shelf.prepare(key, policy, kept.isEmpty());
    return opening;
  }

  /** Whether a session that ends at rest may give its backend back. */
  public boolean isReusable(Channel backend) {
    return KeptBackend.of(backend)
        .filter(kept -> kept.isReusable() && kept.ageNanos() < LIFE.toNanos())
        .isPresent();
  }

  /**
   * Takes a reusable backend back, which the session's handlers have left, between two messages and
   * outside of a transaction.
   *
   * @param settled when nothing of the session's can reach the backend any more
   */
  public void giveBack(Channel backend, CompletionStage<Void> settled) {
    KeptBackend.of(backend)
        .ifPresent(
            kept -> {
              var _ = settled.thenRunAsync(kept::reset, backend.eventLoop());
            });
  }

  /**
   * Closes what rests of an instance that lets nobody in any more, and starts none for a while.
   *
   * @return whether there may be room now
   */
  public boolean makeRoom(Endpoint endpoint) {
    if (!perInstance.containsKey(endpoint)) {
      return false;
    }
    fullSince.put(endpoint, System.nanoTime());
    shelves.forEach((eventLoop, shelf) -> eventLoop.execute(() -> shelf.clear(endpoint)));
    return true;
  }

  /** Closes what is kept, and keeps nothing any more. Returns at once; the event loops do it. */
  @Override
  public void close() {
    closed = true;
    shelves.forEach((eventLoop, shelf) -> eventLoop.execute(shelf::clear));
  }

  /** Counts one more, unless there are too many. */
  private boolean admit(Endpoint endpoint) {
    if (closed
        || isFull(endpoint)
        || total.get() >= most
        || perInstance.getOrDefault(endpoint, 0) >= MOST_OF_AN_INSTANCE) {
      return false;
    }
    total.incrementAndGet();
    perInstance.merge(endpoint, 1, Integer::sum);
    return true;
  }

  private boolean isFull(Endpoint endpoint) {
    return fullSince.computeIfPresent(
            endpoint, (_, since) -> System.nanoTime() - since > REST.toNanos() ? null : since)
        != null;
  }

  private void dismiss(Endpoint endpoint) {
    total.decrementAndGet();
    perInstance.computeIfPresent(endpoint, (_, count) -> count == 1 ? null : count - 1);
  }

  /** Kept backends of one event loop; on it. */
  private final class Shelf implements KeptBackend.Keeper {
    private final EventLoop eventLoop;
    private final Map<BackendKey, Deque<KeptBackend>> rest = new HashMap<>();
    private final Map<BackendKey, Integer> starting = new HashMap<>();
    private final Set<KeptBackend> alive = new HashSet<>();

    Shelf(EventLoop eventLoop) {
      this.eventLoop = eventLoop;
    }

    /** The one used last, so that those that are too many come of age. */
    private Optional<KeptBackend> take(BackendKey key, boolean reusable) {
      var all = rest.getOrDefault(key, new ArrayDeque<>());
      while (!all.isEmpty()) {
        var last = all.getLast();
        remove(last);
        // Policy may have changed since it was started.
        if (last.isFit() && last.isReusable() == reusable) {
          return Optional.of(last);
        }
        last.close();
      }
      return Optional.empty();
    }

    /** Starts what those who come next will want. */
    private void prepare(BackendKey key, BackendPolicy policy, boolean missed) {
      int under = starting.getOrDefault(key, 0);
      int there = rest.getOrDefault(key, new ArrayDeque<>()).size();
      // What is reused comes back: one more only when there were too few.
      int wanted = policy.reuse() ? (missed ? 1 : 0) - under : policy.spare() - there - under;
      for (int i = 0; i < wanted && admit(key.endpoint()); i++) {
        starting.merge(key, 1, Integer::sum);
        alive.add(KeptBackend.start(connector, eventLoop, key, policy.reuse(), this));
      }
    }

    private void clear() {
      List.copyOf(alive).forEach(KeptBackend::close);
    }

    private void clear(Endpoint endpoint) {
      rest.entrySet().stream()
          .filter(entry -> entry.getKey().endpoint().equals(endpoint))
          .flatMap(entry -> entry.getValue().stream())
          .toList()
          .forEach(KeptBackend::close);
    }

    @Override
    public void started(KeptBackend backend) {
      starting.computeIfPresent(backend.key(), (_, count) -> count == 1 ? null : count - 1);
    }

    @Override
    public void rests(KeptBackend backend) {
      rest.computeIfAbsent(backend.key(), _ -> new ArrayDeque<>()).addLast(backend);
      resting.incrementAndGet();
      backend.expireIn(REST);
    }

    @Override
    public void gone(KeptBackend backend) {
      remove(backend);
      alive.remove(backend);
      dismiss(backend.key().endpoint());
    }

    private void remove(KeptBackend backend) {
      rest.computeIfPresent(
          backend.key(),
          (_, all) -> {
            if (all.remove(backend)) {
              resting.decrementAndGet();
            }
            return all.isEmpty() ? null : all;
          });
    }
  }
}
