package io.vela.agent.storage;

import io.vela.agent.storage.driver.BtrfsDriver;
import io.vela.agent.storage.driver.CopyDriver;
import io.vela.agent.storage.driver.ReflinkDriver;
import io.vela.agent.storage.driver.ZfsDriver;
import java.util.List;

/** The registry of drivers, best first. */
public final class StorageDrivers {
  private StorageDrivers() {}

  /** All drivers in the order in which {@code auto} tries them. */
  public static List<StorageDriver> all() {
    return List.of(new ZfsDriver(), new BtrfsDriver(), new ReflinkDriver(), new CopyDriver());
  }
}
