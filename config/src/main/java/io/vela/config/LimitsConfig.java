package io.vela.config;

import io.vela.config.value.ByteSize;
import java.time.Duration;

/**
 * Bounds on time and memory.
 *
 * @param wakeTimeout how long a client waits for its branch to be created or woken
 * @param stopTimeout how long a clean stop may take before it is reported
 * @param authenticationTimeout from accept to the end of authentication
 * @param drainTimeout how long open transactions may go on when Vela is told to stop
 * @param startConcurrency how many instances start at once
 * @param startupHold bytes a client may send ahead while its branch wakes
 * @param connections bounds on clients' connections
 * @param running bounds on running instances
 * @param deletion how long the instance of a branch that is deleted may take to stop
 */
public record LimitsConfig(
    Duration wakeTimeout,
    Duration stopTimeout,
    Duration authenticationTimeout,
    Duration drainTimeout,
    int startConcurrency,
    ByteSize startupHold,
    ConnectionLimits connections,
    RunningLimits running,
    DeletionLimits deletion) {
  /**
   * 30 s to wake, 60 s to stop, 15 s to authenticate, 10 s to drain, 16 starts at once, 64 kB held.
   */
  public static final LimitsConfig DEFAULT =
      new LimitsConfig(
          Duration.ofSeconds(30),
          Duration.ofSeconds(60),
          Duration.ofSeconds(15),
          Duration.ofSeconds(10),
          16,
          ByteSize.parse("64kB"),
          ConnectionLimits.DEFAULT,
          RunningLimits.NONE,
          DeletionLimits.DEFAULT);

  /** With any number of running instances. */
  public LimitsConfig(
      Duration wakeTimeout,
      Duration stopTimeout,
      Duration authenticationTimeout,
      Duration drainTimeout,
      int startConcurrency,
      ByteSize startupHold,
      ConnectionLimits connections) {
    this(
        wakeTimeout,
        stopTimeout,
        authenticationTimeout,
        drainTimeout,
        startConcurrency,
        startupHold,
        connections,
        RunningLimits.NONE,
        DeletionLimits.DEFAULT);
  }

  /** With any number of connections and of running instances. */
  public LimitsConfig(
      Duration wakeTimeout,
      Duration stopTimeout,
      Duration authenticationTimeout,
      Duration drainTimeout,
      int startConcurrency,
      ByteSize startupHold) {
    this(
        wakeTimeout,
        stopTimeout,
        authenticationTimeout,
        drainTimeout,
        startConcurrency,
        startupHold,
        ConnectionLimits.DEFAULT,
        RunningLimits.NONE,
        DeletionLimits.DEFAULT);
  }

  /**
   * @throws IllegalArgumentException when one of them is not positive
   */
  public LimitsConfig {
    if (!wakeTimeout.isPositive()
        || !stopTimeout.isPositive()
        || !authenticationTimeout.isPositive()
        || !drainTimeout.isPositive()
        || startConcurrency < 1
        || startupHold.bytes() < 1) {
      throw new IllegalArgumentException("limits must be positive");
    }
  }
}
