package io.vela.proxy.relay;

/** Tells a relay the time, and hears how it ends. All calls come on the channels' event loop. */
public interface RelayListener {
  /**
   * The client has said all it will say: it closed its sending side or its connection broke. The
   * backend is told in the same way; it may still be at work, and its answer still arrives if the
   * client can receive.
   */
  void clientEnded();

  /**
   * The backend's channel is closed, before or after the client's; what it last sent may still be
   * on its way to the client.
   *
   * @param untold true when the client has not been told why and could be: it is still there, said
   *     no goodbye, and stands between two messages. Then, and only then, the relay waits for
   *     {@link RelayPair#terminate} or {@link RelayPair#close}
   */
  void backendEnded(boolean untold);

  /**
   * The bytes of one direction no longer make messages. They are relayed as they are, and Postgres
   * or the client judges them; but {@link RelayPair#ledger()} can be trusted no more.
   */
  void framingBroken(Direction direction);

  /** The time, in ms since 1970; idle time is measured by it. */
  long millis();

  /** Both channels are closed. The last call, exactly once. */
  void closed(RelayEnd end);
}
