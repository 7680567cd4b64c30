package io.vela.proxy.session;

import io.vela.proxy.park.Capture;
import io.vela.proxy.park.CaptureSettings;
import io.vela.proxy.park.Captured;
import io.vela.proxy.park.SeenState;
import io.vela.proxy.park.SessionMemory;
import io.vela.proxy.session.SessionState.Closed;
import io.vela.proxy.session.SessionState.Open;
import io.vela.proxy.session.SessionState.Parked;
import io.vela.proxy.session.SessionState.Parking;
import io.vela.proxy.session.SessionState.Relaying;
import io.vela.router.BranchSession.Veto;
import io.vela.router.SteadyClock;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * Takes an idle session's backend away and keeps its client, and hears the client while it has no
 * backend. The state is captured as the session's last act; until the backend is really given up
 * all can be put together again, and nobody has noticed anything. On the session's event loop.
 */
final class Parker {
  /**
   * For a backend's answers about its session, which is ended after it. Long, since a machine that
   * is out of breath answers late, and a backend that hangs would hang its client as well.
   */
  private static final Duration CAPTURE_PATIENCE = Duration.ofMinutes(1);

  /** After a try that failed before the next, for one session; twice as long each time. */
  private static final long FIRST_PAUSE_MILLIS = 1_000;

  private static final long LONGEST_PAUSE_MILLIS = 300_000;

  private final Session session;
  private final SessionServices services;
  private final ClientLink client;
  private final Attachment attachment;
  private final ParkedClient parkedClient;

  private volatile Optional<Veto> veto = Optional.empty();
  private long pauseMillis;
  private volatile long notBefore;

  Parker(Session session, Attachment attachment) {
    this.session = session;
    this.services = session.services();
    this.client = session.client();
    this.attachment = attachment;
    this.parkedClient = new ParkedClient(session, attachment);
  }

  /** Who hears the client meanwhile. */
  ParkedClient client() {
    return parkedClient;
  }

  // --- giving up the backend ---

  /** See {@link io.vela.router.BranchSession#prepareToPark}. */
  CompletionStage<Optional<Veto>> prepare() {
    return switch (session.state()) {
      case Relaying relaying -> begin(relaying);
      case Parking parking -> parking.trial().prepared();
      case Parked _, Closed _ -> answer(Optional.empty());
      case Open _ -> answer(busy("it is being connected"));
    };
  }

  private CompletionStage<Optional<Veto>> begin(Relaying relaying) {
    var objection = objection(relaying);
    if (objection.isPresent()) {
      return vetoed(objection.get());
    }
    var relay = relaying.relay();
    var trial = new ParkTrial(relay.quietSince());
    var parking = relaying.park(trial);
    relay.detach();
    client.park(new ParkedHandler(parkedClient));
    session.enter(parking);
    var _ = capture(parking).whenComplete((found, error) -> captured(parking, found, error));
    return trial.prepared();
  }

  private CompletionStage<Captured> capture(Parking parking) {
    var capture =
        Capture.begin(
            parking.backend().channel(),
            seen(),
            new CaptureSettings(session.policy().unseenSettings(), CAPTURE_PATIENCE),
            client::writeWhole);
    parking.trial().asking(capture);
    return capture;
  }

  private Optional<Veto> objection(Relaying relaying) {
    if (relaying.request().isReplication()) {
      return Optional.of(new Veto("replication", "a replication connection"));
    }
    if (!relaying.relay().isQuiet()) {
      return busy("it is at work");
    }
    if (!session.view().trace().isUnnamedCertain()) {
      return Optional.of(
          new Veto("unnamed-statement", "it is not known which unnamed statement is left"));
    }
    return Optional.empty();
  }

  private static Optional<Veto> busy(String why) {
    return Optional.of(new Veto("busy", why));
  }

  private SeenState seen() {
    var trace = session.view().trace();
    return new SeenState(
        session.view().customSettings(),
        trace.overlooked(),
        List.copyOf(trace.libraries()),
        trace.functions(),
        session.view().reported(),
        trace.unnamedParse(),
        session.view().stale());
  }

  private void captured(Parking parking, @Nullable Captured captured, @Nullable Throwable error) {
    if (!session.state().equals(parking)) {
      parking.trial().prepared().complete(Optional.empty());
      return;
    }
    switch (captured) {
      case Captured.Memory all -> {
        parking.trial().captured(all.memory());
        parking.trial().prepared().complete(Optional.empty());
      }
      case Captured.Vetoed vetoed ->
          putBack(
              parking,
              new Veto(vetoed.reason().label(), vetoed.reason().text() + " " + vetoed.detail()));
      case Captured.Failed failed when failed.backendLost() -> {
        parking.trial().prepared().complete(busy("its backend is gone"));
        attachment.backendGone(parking, parking.backend(), failed.farewell());
      }
      case Captured.Failed failed -> putBack(parking, new Veto("failed", failed.cause()));
      case null -> {
        parking.trial().prepared().complete(busy("its state was not captured"));
        session.failed(error == null ? new IllegalStateException("nothing captured") : error);
      }
    }
  }

  private void putBack(Parking parking, Veto objection) {
    rejoin(parking);
    var _ = vetoed(objection).whenComplete((told, _) -> parking.trial().prepared().complete(told));
  }

  private CompletionStage<Optional<Veto>> vetoed(Veto objection) {
    services.metrics().notParked(objection.reason());
    veto = Optional.of(objection);
    pauseMillis = Math.clamp(2 * pauseMillis, FIRST_PAUSE_MILLIS, LONGEST_PAUSE_MILLIS);
    notBefore = SteadyClock.get().millis() + pauseMillis;
    return answer(veto);
  }

  /** See {@link io.vela.router.BranchSession#confirmParking}. */
  CompletionStage<Optional<Veto>> confirm() {
    return switch (session.state()) {
      case Parking parking when parking.trial().memory().isEmpty() -> answer(busy("not captured"));
      case Parking parking when parking.trial().isDisturbed() -> answer(busy("its client came"));
      case Parking parking when isListening(parking) -> confirmListening(parking);
      case Parking _, Parked _, Closed _ -> answer(Optional.empty());
      case Open _ -> answer(busy("it is being connected"));
    };
  }

  private static boolean isListening(Parking parking) {
    return parking.trial().memory().filter(SessionMemory::isListening).isPresent();
  }

  /** When the backend answers, all that was notified before has been sent by it and passed on. */
  private CompletionStage<Optional<Veto>> confirmListening(Parking parking) {
    var confirmed = new CompletableFuture<Optional<Veto>>();
    var _ =
        capture(parking)
            .whenComplete(
                (captured, _) -> {
                  if (!session.state().equals(parking) || parking.trial().isDisturbed()) {
                    confirmed.complete(busy("its client came"));
                  } else if (captured instanceof Captured.Memory all) {
                    parking.trial().captured(all.memory());
                    confirmed.complete(Optional.empty());
                  } else {
                    confirmed.complete(busy(String.valueOf(captured)));
                  }
                });
    return confirmed;
  }

  /** See {@link io.vela.router.BranchSession#park}. */
  void park() {
    if (session.state() instanceof Parking parking && parking.trial().memory().isPresent()) {
      park(parking, parking.trial().memory().get());
    }
  }

  private void park(Parking parking, SessionMemory memory) {
    var parked = parking.park(memory);
    session.view().parked(parking.backend().takeCancelKey());
    session.enter(parked);
    veto = Optional.empty();
    pauseMillis = 0;
    parking.backend().finish();
    parking
        .backend()
        .channel()
        .closeFuture()
        .addListener(_ -> services.backendQueue().freed(session.branch(), parked.request()));
    services.metrics().parked();
    session.log().parked();
    if (memory.isListening()) {
      services.barrier().await(parked.target().branch(), parkedClient);
    }
    parkedClient.begin(parked);
  }

  /** See {@link io.vela.router.BranchSession#resume}. */
  void resume() {
    if (session.state() instanceof Parking parking) {
      // A conversation with the backend is not cut short: what is left of it would reach the
      // client.
      var _ =
          parking
              .trial()
              .asking()
              .whenComplete(
                  (_, _) -> {
                    if (session.state().equals(parking)) {
                      rejoin(parking);
                    }
                  });
    }
  }

  private void rejoin(Parking parking) {
    var relay = attachment.newRelay(parking.backend(), (byte) 'I', parking.trial().quietSince());
    session.enter(parking.resume(relay));
    relay.resume();
  }

  /**
   * Gives up this one session's backend though its branch stays awake.
   *
   * @param force also if the client has sent something meanwhile
   */
  CompletionStage<Optional<Veto>> parkAlone(boolean force) {
    if (!(session.state() instanceof Relaying relaying)) {
      return answer(busy("it has no backend that is idle"));
    }
    return begin(relaying)
        .thenApply(
            objection -> {
              if (objection.isPresent() || !(session.state() instanceof Parking parking)) {
                return objection;
              }
              if (isListening(parking)) {
                rejoin(parking);
                return refused(new Veto("listen", "it would miss what others notify meanwhile"));
              }
              if (parking.trial().isDisturbed() && !force) {
                rejoin(parking);
                return busy("its client came");
              }
              park();
              return Optional.<Veto>empty();
            });
  }

  private Optional<Veto> refused(Veto objection) {
    var _ = vetoed(objection);
    return Optional.of(objection);
  }

  /** The reason why it could not be parked when that was last tried. */
  Optional<Veto> veto() {
    return veto;
  }

  /** Whether a try to park it alone is worth its while. On any thread; may be a moment late. */
  boolean mayTry(long nowMillis) {
    return nowMillis >= notBefore;
  }

  private static CompletionStage<Optional<Veto>> answer(Optional<Veto> answer) {
    return CompletableFuture.completedFuture(answer);
  }
}
