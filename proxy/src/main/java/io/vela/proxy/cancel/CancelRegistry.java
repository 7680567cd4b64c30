package io.vela.proxy.cancel;

import io.vela.agent.Endpoint;
import io.vela.proxy.wire.CancelKey;
import java.security.SecureRandom;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * What each client's cancel key means. Clients are given keys of Vela's own making: two instances
 * may use the same process id, and a key that a backend of one branch had before must not reach
 * another's. Safe for use from any thread.
 */
public final class CancelRegistry {
  private final SecureRandom random;
  private final ConcurrentHashMap<Integer, List<Registration>> byPid = new ConcurrentHashMap<>();

  public CancelRegistry(SecureRandom random) {
    this.random = random;
  }

  /**
   * Makes a key for the client of a backend, good until the registration is closed. It has the
   * backend's process id, so that logs and {@code pg_backend_pid()} agree with what the client
   * shows, and a secret as long as the backend's, which the protocol that both speak allows.
   *
   * @param key the backend's own
   * @param endpoint where that backend's instance takes cancel requests
   */
  public Registration register(CancelKey key, Endpoint endpoint) {
    while (true) {
      var secret = new byte[key.secret().length];
      random.nextBytes(secret);
      var registration =
          new Registration(
              this, new CancelKey(key.processId(), secret), new Destination.Backend(key, endpoint));
      var all =
          byPid.merge(key.processId(), List.of(registration), CancelRegistry::withoutDuplicate);
      if (all.contains(registration)) {
        return registration;
      }
    }
  }

  /**
   * What a key means now; empty when nothing, or nothing any more. The claim is to be closed once
   * the request has been served.
   */
  public Optional<Claim> claim(CancelKey clientKey) {
    return byPid.getOrDefault(clientKey.processId(), List.of()).stream()
        .filter(registration -> registration.clientKey.equals(clientKey))
        .findFirst()
        .flatMap(Registration::claim);
  }

  /** Whether a key of that process id is known, so that another secret with it is a guess. */
  public boolean knows(int processId) {
    return byPid.containsKey(processId);
  }

  /** How many keys are known. */
  public int size() {
    return byPid.values().stream().mapToInt(List::size).sum();
  }

  private static List<Registration> withoutDuplicate(
      List<Registration> present, List<Registration> added) {
    var key = added.getFirst().clientKey;
    return present.stream().anyMatch(one -> one.clientKey.equals(key))
        ? present
        : Stream.concat(present.stream(), added.stream()).toList();
  }

  private void remove(Registration registration) {
    byPid.computeIfPresent(
        registration.clientKey.processId(),
        (pid, present) -> {
          var left = present.stream().filter(one -> one != registration).toList();
          return left.isEmpty() ? null : left;
        });
  }

  /** What a cancel request is to do. */
  public sealed interface Destination {
    /**
     * Reach a backend.
     *
     * @param key the backend's own key
     */
    record Backend(CancelKey key, Endpoint endpoint) implements Destination {}

    /**
     * End the wait of a session that has no backend at the moment.
     *
     * @param cancel returns at once; on any thread
     */
    record Waiting(Runnable cancel) implements Destination {}
  }

  /** A key's life: as long as its session can run anything. */
  public static final class Registration implements AutoCloseable {
    private final CancelRegistry registry;
    private final CancelKey clientKey;
    private final CompletableFuture<Void> settled = new CompletableFuture<>();

    private Destination destination;
    private int claims;
    private boolean closed;

    private Registration(CancelRegistry registry, CancelKey clientKey, Destination destination) {
      this.registry = registry;
      this.clientKey = clientKey;
      this.destination = destination;
    }

    /** What the client is told. */
    public CancelKey clientKey() {
      return clientKey;
    }

    /** From now on the key means something else; requests under way are not sent any more. */
    public synchronized void lead(Destination to) {
      destination = to;
    }

    private synchronized Optional<Claim> claim() {
      if (closed) {
        return Optional.empty();
      }
      claims++;
      return Optional.of(new Claim(this, destination));
    }

    private synchronized boolean leadsTo(Destination to) {
      return !closed && destination.equals(to);
    }

    private void release() {
      boolean last;
      synchronized (this) {
        claims--;
        last = closed && claims == 0;
      }
      if (last) {
        settled.complete(null);
      }
    }

    /**
     * Completes when the registration is closed and no request that it led to is under way: until
     * then a backend that is to serve somebody else could still be hit.
     */
    public CompletionStage<Void> settled() {
      return settled.minimalCompletionStage();
    }

    /** Forgets the key; more than once is as once. */
    @Override
    public void close() {
      boolean last;
      synchronized (this) {
        closed = true;
        last = claims == 0;
      }
      registry.remove(this);
      if (last) {
        settled.complete(null);
      }
    }
  }

  /** One request on its way. */
  public static final class Claim implements AutoCloseable {
    private final Registration registration;
    private final Destination destination;
    private boolean released;

    private Claim(Registration registration, Destination destination) {
      this.registration = registration;
      this.destination = destination;
    }

    public Destination destination() {
      return destination;
    }

    /** Whether the key still means this: its session has not ended or moved meanwhile. */
    public boolean isGood() {
      return registration.leadsTo(destination);
    }

    /** The request has been served, or will not be. More than once is as once. */
    @Override
    public void close() {
      synchronized (this) {
        if (released) {
          return;
        }
        released = true;
      }
      registration.release();
    }
  }
}
