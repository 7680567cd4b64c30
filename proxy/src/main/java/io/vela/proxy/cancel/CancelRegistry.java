package io.vela.proxy.cancel;

import io.vela.agent.Endpoint;
import io.vela.proxy.wire.CancelKey;
import java.security.SecureRandom;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * Which backend each client's cancel key means. Clients are given keys of Vela's own making: two
 * instances may use the same process id, and a key that a backend of one branch had before must not
 * reach another's. Safe for use from any thread.
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
   * shows.
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
              this, new CancelKey(key.processId(), secret), new Destination(key, endpoint));
      var all =
          byPid.merge(key.processId(), List.of(registration), CancelRegistry::withoutDuplicate);
      if (all.contains(registration)) {
        return registration;
      }
    }
  }

  /** Which backend a key means; empty when none does, or does no longer. */
  public Optional<Destination> find(CancelKey clientKey) {
    return byPid.getOrDefault(clientKey.processId(), List.of()).stream()
        .filter(registration -> registration.clientKey.equals(clientKey))
        .map(registration -> registration.destination)
        .findFirst();
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

  /**
   * Where a cancel request must go.
   *
   * @param key the backend's own key
   */
  public record Destination(CancelKey key, Endpoint endpoint) {}

  /** A key's life: as long as the session has its backend. */
  public static final class Registration implements AutoCloseable {
    private final CancelRegistry registry;
    private final CancelKey clientKey;
    private final Destination destination;

    private Registration(CancelRegistry registry, CancelKey clientKey, Destination destination) {
      this.registry = registry;
      this.clientKey = clientKey;
      this.destination = destination;
    }

    /** What the client is told. */
    public CancelKey clientKey() {
      return clientKey;
    }

    /** Forgets the key; more than once is as once. */
    @Override
    public void close() {
      registry.remove(this);
    }
  }
}
