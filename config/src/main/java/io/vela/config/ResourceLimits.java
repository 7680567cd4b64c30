package io.vela.config;

import io.vela.config.value.ByteSize;
import java.util.Optional;

/**
 * What all processes of one branch together may take of the host; what is empty is not limited.
 *
 * @param memory when it is reached the kernel takes pages back, and then ends a process
 * @param cpus processors, as 1.5
 * @param processes how many processes and threads there may be
 * @param readRate bytes a second from the pool's disk
 * @param writeRate bytes a second to the pool's disk
 */
public record ResourceLimits(
    Optional<ByteSize> memory,
    Optional<Double> cpus,
    Optional<Integer> processes,
    Optional<ByteSize> readRate,
    Optional<ByteSize> writeRate) {
  /** None at all. */
  public static final ResourceLimits NONE =
      new ResourceLimits(
          Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());

  /** Below these Postgres does not start. */
  private static final ByteSize LEAST_MEMORY = new ByteSize(32L << 20);

  private static final int FEWEST_PROCESSES = 20;
  private static final double LEAST_CPUS = 0.01;

  /**
   * @throws IllegalArgumentException for a limit below which no Postgres starts
   */
  public ResourceLimits {
    memory.ifPresent(ResourceLimits::validMemory);
    cpus.ifPresent(ResourceLimits::validCpus);
    processes.ifPresent(ResourceLimits::validProcesses);
    readRate.ifPresent(ResourceLimits::validRate);
    writeRate.ifPresent(ResourceLimits::validRate);
  }

  static ByteSize validMemory(ByteSize memory) {
    if (memory.bytes() < LEAST_MEMORY.bytes()) {
      throw new IllegalArgumentException("expected at least " + LEAST_MEMORY);
    }
    return memory;
  }

  static double validCpus(double cpus) {
    if (!(cpus >= LEAST_CPUS) || cpus > Integer.MAX_VALUE) {
      throw new IllegalArgumentException("expected a number of processors, as 1.5");
    }
    return cpus;
  }

  static int validProcesses(int processes) {
    if (processes < FEWEST_PROCESSES) {
      throw new IllegalArgumentException("expected at least " + FEWEST_PROCESSES);
    }
    return processes;
  }

  static ByteSize validRate(ByteSize rate) {
    if (rate.bytes() == 0) {
      throw new IllegalArgumentException("expected more than 0 bytes a second");
    }
    return rate;
  }

  /** Whether nothing is limited. */
  public boolean isNone() {
    return equals(NONE);
  }
}
