package io.vela.agent.storage;

import java.util.List;

/** The registry of drivers, best first. */
public final class StorageDrivers {
  private StorageDrivers() {}

  /** All drivers in the order in which {@code auto} tries them. */
  public static List<StorageDriver> all() {
    return List.of();
  }
}
