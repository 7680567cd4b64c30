package io.vela.proxy.session;

import io.vela.proxy.backend.Backends;
import io.vela.proxy.relay.Direction;
import io.vela.proxy.relay.RelayEnd;
import io.vela.proxy.relay.RelayListener;
import io.vela.proxy.relay.RelayMeter;
import io.vela.proxy.relay.RelayPair;
import io.vela.proxy.wire.ErrorMessage;
import io.vela.router.SteadyClock;
import java.time.Duration;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A session's relay, and what it is told when one of its ends breaks. On the event loop only. */
final class SessionRelay implements RelayListener {
  private static final Logger log = LoggerFactory.getLogger(SessionRelay.class);

  /** For the message under way when a session must end; after it both sides are cut. */
  private static final Duration TERMINATION_PATIENCE = Duration.ofSeconds(5);

  /** Between a backend's connection breaking and the agent's word on why. */
  private static final Duration EXIT_PATIENCE = Duration.ofSeconds(1);

  private final ClientLink client;
  private final BackendLink backend;
  private final Consumer<RelayEnd> ended;
  private final RelayPair pair;
  private final long sinceMillis = SteadyClock.get().millis();

  /**
   * @param transactionStatus of the backend's last ReadyForQuery
   * @param view what is known of the client
   * @param quietSince since when the client has wanted nothing, in ms since 1970
   * @param ended told when both sides are closed
   */
  SessionRelay(
      ClientLink client,
      BackendLink backend,
      byte transactionStatus,
      ClientView view,
      long quietSince,
      Backends backends,
      RelayMeter meter,
      Consumer<RelayEnd> ended) {
    this.client = client;
    this.backend = backend;
    this.ended = ended;
    this.pair =
        new RelayPair(
            client.channel(),
            backend.channel(),
            transactionStatus,
            view.trace(),
            quietSince,
            this,
            meter);
    if (backends.isReusable(backend.channel())) {
      pair.keepBackend(() -> backend.giveBack(backends));
    }
  }

  /** Lets bytes flow, those first that were read already. */
  void begin() {
    pair.start();
    backend.startupComplete();
    client.relayBegan();
  }

  /** Lets bytes flow again after {@link #detach}, those first that were held. */
  void resume() {
    pair.start();
    client.relayResumed();
  }

  /** Since when it is, in ms since 1970. */
  long sinceMillis() {
    return sinceMillis;
  }

  /** See {@link RelayPair#isQuiet}. */
  boolean isQuiet() {
    return pair.isQuiet();
  }

  /** See {@link RelayPair#detach}. */
  void detach() {
    pair.detach();
  }

  /** See {@link RelayPair#onRest}. */
  void onRest(Runnable action) {
    pair.onRest(action);
  }

  /** See {@link RelayPair#quietSince()}. On any thread. */
  long quietSince() {
    return pair.quietSince();
  }

  /** Whether nothing was in flight a moment ago. On any thread. */
  boolean idle() {
    return pair.idleSeen();
  }

  /** Tells the client why at the next boundary between messages, and closes both sides. */
  void terminate(ErrorMessage error) {
    pair.terminate(error, TERMINATION_PATIENCE);
  }

  /**
   * The same once the conversation rests with no transaction open.
   *
   * @param told run when that has come
   */
  void terminateWhenIdle(ErrorMessage error, Runnable told) {
    pair.terminateWhenIdle(error, TERMINATION_PATIENCE, told);
  }

  @Override
  public long millis() {
    return SteadyClock.get().millis();
  }

  @Override
  public void clientEnded() {
    // The lease stays: the backend may still be at work.
  }

  @Override
  public void backendEnded(boolean untold) {
    if (untold) {
      var _ =
          backend
              .exitWithin(EXIT_PATIENCE)
              .whenCompleteAsync(
                  (exit, _) ->
                      terminate(exit.map(Refusal::instanceEnded).orElseGet(Refusal::backendLost)),
                  client.channel().eventLoop());
    }
  }

  @Override
  public void framingBroken(Direction direction) {
    log.debug("framing broken direction={}", direction);
  }

  @Override
  public void closed(RelayEnd end) {
    ended.accept(end);
  }
}
