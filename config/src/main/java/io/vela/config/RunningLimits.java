package io.vela.config;

import io.vela.config.value.ByteSize;
import java.util.Optional;

/**
 * Bounds on the instances that run at once. Where both are set, the tighter holds.
 *
 * @param maxRunning how many
 * @param memory how much memory they may take, each counted with {@link #perInstance}
 */
public record RunningLimits(Optional<Integer> maxRunning, Optional<ByteSize> memory) {
  /** Any number. */
  public static final RunningLimits NONE = new RunningLimits(Optional.empty(), Optional.empty());

  /**
   * What an idle instance takes before it has touched a shared buffer: the proportional set size
   * (PSS) of all its processes, measured with Postgres 18 and rounded up.
   */
  public static final ByteSize IDLE_INSTANCE = ByteSize.parse("20MB");

  /**
   * @throws IllegalArgumentException for no instance at all
   */
  public RunningLimits {
    if (maxRunning.isPresent() && maxRunning.get() < 1) {
      throw new IllegalArgumentException("max-running must be at least 1");
    }
  }

  /**
   * A bound in instances.
   *
   * @param instances how many may run
   * @param setting what sets it, for a person
   */
  public record Bound(int instances, String setting) {}

  /** What one instance is counted with: its buffers, all of them used, and what it takes idle. */
  public static ByteSize perInstance(ByteSize sharedBuffers) {
    return new ByteSize(Math.addExact(sharedBuffers.bytes(), IDLE_INSTANCE.bytes()));
  }

  /**
   * The bound that holds; empty when there is none.
   *
   * @param sharedBuffers of each instance
   */
  public Optional<Bound> bound(ByteSize sharedBuffers) {
    var byCount = maxRunning.map(count -> new Bound(count, "limits.max-running"));
    var byMemory =
        memory.map(
            bytes ->
                new Bound(
                    Math.clamp(
                        bytes.bytes() / perInstance(sharedBuffers).bytes(), 1, Integer.MAX_VALUE),
                    "limits.memory"));
    if (byCount.isPresent() && byMemory.isPresent()) {
      return byMemory.get().instances() < byCount.get().instances() ? byMemory : byCount;
    }
    return byCount.or(() -> byMemory);
  }

  /**
   * Memory that at least one instance fits in.
   *
   * @throws IllegalArgumentException when it does not
   */
  static ByteSize validMemory(ByteSize memory, ByteSize sharedBuffers) {
    var one = perInstance(sharedBuffers);
    if (memory.bytes() < one.bytes()) {
      throw new IllegalArgumentException(
          "%s is less than one instance is counted with: %s (postgres.shared-buffers and %s)"
              .formatted(memory, one, IDLE_INSTANCE));
    }
    return memory;
  }
}
