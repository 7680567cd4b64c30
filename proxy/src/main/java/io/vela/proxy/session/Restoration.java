package io.vela.proxy.session;

import io.vela.proxy.park.Restore;
import io.vela.proxy.park.Restored;
import io.vela.proxy.park.StaleErrors;
import io.vela.proxy.session.SessionState.Connecting;
import io.vela.proxy.session.SessionState.Parked;
import io.vela.proxy.session.SessionState.Restoring;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Gives a session that was parked what it had to its new backend, all or nothing, and lets its
 * client's bytes flow again. On the session's event loop.
 */
final class Restoration {
  private final Session session;
  private final SessionServices services;
  private final ClientLink client;
  private final Attachment attachment;

  Restoration(Session session, Attachment attachment) {
    this.session = session;
    this.services = session.services();
    this.client = session.client();
    this.attachment = attachment;
  }

  /** The backend is ready, and knows nothing of the session. */
  void begin(Connecting connecting, Parked parked) {
    var restoring = connecting.restore(parked);
    var backend = connecting.backend();
    long began = System.nanoTime();
    session.enter(restoring);
    backend.startupComplete();
    var memory = parked.memory().withUnnamedStatement(session.view().trace().unnamedParse());
    var _ =
        Restore.begin(
                backend.channel(), memory, services.limits().wakeTimeout(), client::writeWhole)
            .whenComplete((restored, error) -> restored(restoring, restored, error, began));
  }

  private void restored(
      Restoring restoring, @Nullable Restored restored, @Nullable Throwable error, long began) {
    if (!session.state().equals(restoring)) {
      return;
    }
    switch (restored) {
      case Restored.Done done -> {
        services.barrier().passed(session.branch(), session.parker().client());
        attachment.afterListeners(restoring, () -> restored(restoring, done, began));
      }
      case Restored.Failed failed -> {
        services.metrics().notRestored();
        session.refuse(Refusal.notRestored(failed.reason()), Ending.REVOKED);
      }
      case null ->
          session.failed(error == null ? new IllegalStateException("nothing restored") : error);
    }
  }

  private void restored(Restoring restoring, Restored.Done done, long began) {
    var backend = restoring.backend();
    backend.adopt(session.view().takeCancelKey());
    var now = new LinkedHashMap<>(restoring.greeting().parameters());
    now.putAll(done.parameterStatus());
    tellDifferences(restoring.parked().memory().parameterStatus(), now);
    session.view().stale(done.stale());
    if (!done.stale().isEmpty()) {
      backend.channel().pipeline().addLast(new StaleErrors(done.stale()));
    }
    var relay = attachment.newRelay(backend, (byte) 'I', restoring.parked().quietSince());
    attachment.relayed(restoring.relay(relay));
    services.metrics().restored(System.nanoTime() - began);
    relay.resume();
  }

  /** What Postgres would have reported, had it not been another backend. */
  private void tellDifferences(Map<String, String> told, Map<String, String> now) {
    var messages = client.messages();
    now.forEach(
        (name, value) -> {
          if (!value.equals(told.get(name))) {
            messages.parameterStatusBytes(name, value);
          }
        });
    client.write(messages);
    client.flush();
  }
}
