package io.vela.agent.storage;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import io.vela.agent.exec.DebianPackages;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.storage.StorageDriver.Probe;
import io.vela.config.PoolConfig;
import io.vela.config.value.ByteSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Opens the pool: chooses a driver, makes and mounts a loop-backed file where that is the way,
 * finds a path that the service user can reach, and measures that clones share their blocks.
 */
public final class PoolOpener {
  private static final String AUTO = "auto";
  private static final String BTRFS = "btrfs";

  private final List<StorageDriver> registry;
  private final ServiceUser user;
  private final Consumer<String> say;

  /**
   * @param registry the drivers, best first
   * @param say told lines for the person at the terminal: what is installed or made, what it costs
   */
  public PoolOpener(List<StorageDriver> registry, ServiceUser user, Consumer<String> say) {
    this.registry = List.copyOf(registry);
    this.user = user;
    this.say = say;
  }

  /** The driver for the pool, how it came to that, and what is behind it. */
  private record Choice(
      StorageDriver driver, String note, Optional<LoopImage> image, boolean mounted) {}

  /**
   * Opens the pool. What is mounted stays mounted when Vela ends.
   *
   * @param data the data directory, in which the pool is unless it has a path of its own
   * @throws CloneException when the driver asked for does not work there, when a driver's clones
   *     turn out to be copies, or when the folder cannot be used
   */
  public Pool open(PoolConfig config, Path data) throws CloneException, InterruptedException {
    var folder = config.path().orElse(data.resolve("pool")).toAbsolutePath().normalize();
    try {
      Files.createDirectories(folder.getParent() == null ? folder : folder.getParent());
      var image = new LoopImage(folder, say);
      if (ServiceUser.runningAsRoot()) {
        image.dropDeleted();
      }
      boolean mounted = image.exists() && mountAgain(image, folder);
      if (image.exists() && ServiceUser.runningAsRoot()) {
        requireWritable(image, folder, config.reserve());
      }
      Files.createDirectories(folder);
      if (ServiceUser.runningAsRoot() && FileSystemType.of(folder).equals(BTRFS)) {
        new DebianPackages(say).ensure("btrfs", "btrfs-progs");
      }
      var found = image.exists() ? Optional.of(image) : Optional.<LoopImage>empty();
      var choice = choice(config, folder, image);
      if (found.isPresent()) {
        choice = new Choice(choice.driver(), inFile(image, folder), found, mounted);
      }
      return owned(choice, config, folder, data);
    } catch (IOException e) {
      throw new CloneException(
          new StorageFailed("the pool at %s cannot be used: %s".formatted(folder, e), ""), e);
    }
  }

  private boolean mountAgain(LoopImage image, Path folder) throws CloneException, IOException {
    if (ServiceUser.runningAsRoot()) {
      return image.mount();
    }
    if (Mounts.read().at(folder).isEmpty()) {
      throw failed(
          "only root can mount %s: run Vela as root, or choose another --data"
              .formatted(image.file()));
    }
    return false;
  }

  private Choice choice(PoolConfig config, Path folder, LoopImage image)
      throws CloneException, InterruptedException, IOException {
    var named = config.driver();
    if (image.exists() && (named.equals(AUTO) || named.equals(BTRFS))) {
      // It is Vela's own. Were it tried, one that is full would be taken for one that cannot work.
      return onHost(driver(BTRFS), folder);
    }
    return named.equals(AUTO) ? best(config, folder, image) : named(config, folder, image);
  }

  /**
   * A disk that ran full has left the pool readable only, until it is mounted anew. What an earlier
   * Vela left running on it cannot go on and is in the way of that.
   */
  private void requireWritable(LoopImage image, Path folder, ByteSize reserve)
      throws CloneException, InterruptedException {
    var probe = new WriteProbe(folder);
    var problem = probe.problem();
    if (problem.isEmpty()) {
      return;
    }
    var free = new ByteSize(image.hostFreeBytes());
    if (free.bytes() >= reserve.bytes()) {
      say.accept("%s can only be read (%s): mounting it anew".formatted(folder, problem.get()));
      PoolUsers.end(folder);
      image.mountAnew();
      problem = probe.problem();
    }
    if (problem.isPresent()) {
      throw failed(
          "the pool in %s can only be read (%s); nothing in it is lost. Its disk has %s free: make room there, and start Vela again"
              .formatted(image.file(), problem.get(), free));
    }
  }

  private Choice best(PoolConfig config, Path folder, LoopImage image)
      throws CloneException, InterruptedException, IOException {
    var reasons = new ArrayList<String>();
    for (var driver : registry) {
      if (driver.sharesBlocks()) {
        switch (driver.probe(folder)) {
          case Probe.Usable() -> {
            return onHost(driver, folder);
          }
          case Probe.Unusable(var reason) -> reasons.add(driver.name() + ": " + reason);
        }
      }
    }
    if (ServiceUser.runningAsRoot()) {
      try {
        return inNewFile(config, folder, image);
      } catch (CloneException e) {
        reasons.add("loop-backed btrfs: " + e.failure().message());
      }
    }
    for (var driver : registry) {
      if (!driver.sharesBlocks() && driver.probe(folder) instanceof Probe.Usable) {
        return copying(driver, folder, reasons);
      }
    }
    throw failed("no storage driver works at %s: %s".formatted(folder, String.join("; ", reasons)));
  }

  private Choice named(PoolConfig config, Path folder, LoopImage image)
      throws CloneException, InterruptedException, IOException {
    var driver = driver(config.driver());
    switch (driver.probe(folder)) {
      case Probe.Usable() -> {
        return driver.sharesBlocks() ? onHost(driver, folder) : copying(driver, folder, List.of());
      }
      case Probe.Unusable(var reason) -> {
        if (driver.name().equals(BTRFS) && ServiceUser.runningAsRoot() && !image.exists()) {
          return inNewFile(config, folder, image);
        }
        throw failed(
            "the storage driver %s does not work at %s: %s"
                .formatted(driver.name(), folder, reason));
      }
    }
  }

  private StorageDriver driver(String name) throws CloneException {
    var names = registry.stream().map(StorageDriver::name).toList();
    return registry.stream()
        .filter(driver -> driver.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                failed(
                    "there is no storage driver %s; there are auto, %s"
                        .formatted(name, String.join(", ", names))));
  }

  private static Choice onHost(StorageDriver driver, Path folder) {
    return new Choice(
        driver,
        "%s on the file system of %s".formatted(driver.name(), folder),
        Optional.empty(),
        false);
  }

  private Choice copying(StorageDriver driver, Path folder, List<String> reasons) {
    var cost = "every branch is a full copy of its snapshot and takes its time and space";
    var why =
        reasons.isEmpty()
            ? "asked for by pool.driver"
            : "nothing better works at %s (%s)".formatted(folder, String.join("; ", reasons));
    var note = "driver %s: %s; %s".formatted(driver.name(), cost, why);
    say.accept("WARNING: " + note);
    return new Choice(driver, note, Optional.empty(), false);
  }

  private Choice inNewFile(PoolConfig config, Path folder, LoopImage image)
      throws CloneException, InterruptedException, IOException {
    var driver = driver(BTRFS);
    if (!LoopImage.isEmpty(folder)) {
      throw failed(
          "%s holds files already, which a pool mounted there would hide".formatted(folder));
    }
    image.make(config.loopSize());
    try {
      image.mount();
    } catch (CloneException e) {
      image.remove();
      throw e;
    }
    if (driver.probe(folder) instanceof Probe.Unusable(var reason)) {
      image.unmount();
      image.remove();
      throw failed(reason);
    }
    return new Choice(driver, inFile(image, folder), Optional.of(image), true);
  }

  private static String inFile(LoopImage image, Path folder) {
    return "btrfs in the sparse file %s, mounted at %s".formatted(image.file(), folder);
  }

  private Pool owned(Choice choice, PoolConfig config, Path folder, Path data)
      throws CloneException, InterruptedException, IOException {
    Pool.prepare(folder);
    var root = new ReachablePath(user, say).reachable(folder);
    // Before anything in the pool is measured, removed or ended: it may be another Vela's.
    var owner = PoolOwner.take(root, data);
    try {
      return measured(choice, config, folder, root, owner);
    } catch (CloneException e) {
      StorageCommand.cleanUp(e, owner::close);
      throw e;
    }
  }

  private Pool measured(Choice choice, PoolConfig config, Path folder, Path root, PoolOwner owner)
      throws CloneException {
    var driver = choice.driver();
    boolean shares = false;
    var note = choice.note();
    if (driver.sharesBlocks()) {
      if (root.toFile().getUsableSpace() < SharingCheck.NEEDED_BYTES) {
        // Vela must be able to start on a full pool, or nobody could delete anything.
        note += "; too full to measure whether clones share blocks";
        say.accept("WARNING: the pool is nearly full: " + note);
      } else {
        shares = new SharingCheck(driver, Pool.staging(root)).clonesShare();
        if (!shares) {
          throw failed(
              "the storage driver %s copies at %s: its clones were measured to share no blocks; choose pool.driver copy if that is meant"
                  .formatted(driver.name(), folder));
        }
      }
    }
    var opened = new Pool.Opened(shares, note, choice.image(), choice.mounted());
    return new Pool(root, driver, user, config.reserve(), opened, owner);
  }

  private static CloneException failed(String message) {
    return new CloneException(new StorageFailed(message, ""));
  }
}
