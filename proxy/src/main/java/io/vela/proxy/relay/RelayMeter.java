package io.vela.proxy.relay;

/**
 * Takes counts from a relay, once for each run of reads. Must be cheap; called on the event loop.
 */
@FunctionalInterface
public interface RelayMeter {
  /**
   * More has been relayed.
   *
   * @param direction which way
   * @param bytes since the last call for this direction
   * @param requests Query, Sync and FunctionCall since the last call; 0 towards the client
   */
  void relayed(Direction direction, long bytes, long requests);
}
