package io.vela.proxy.session;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** All sessions of this process. Safe for use from any thread. */
public final class Sessions {
  private final Set<SessionMachine> live = ConcurrentHashMap.newKeySet();
  private final AtomicLong lastId = new AtomicLong();

  long nextId() {
    return lastId.incrementAndGet();
  }

  void add(SessionMachine session) {
    live.add(session);
  }

  void remove(SessionMachine session) {
    live.remove(session);
  }

  /** How many there are. */
  public int size() {
    return live.size();
  }

  long count(Phase phase) {
    return live.stream().filter(session -> session.phase() == phase).count();
  }

  long countBackends() {
    return live.stream().filter(SessionMachine::hasBackend).count();
  }

  /** Ends all of them, telling their clients that Vela stops. Returns at once. */
  public void terminateAll() {
    live.forEach(SessionMachine::terminate);
  }

  /** Cuts all of them off. Returns at once. */
  public void cutAll() {
    live.forEach(SessionMachine::cut);
  }
}
