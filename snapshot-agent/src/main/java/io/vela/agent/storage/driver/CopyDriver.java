package io.vela.agent.storage.driver;

import io.vela.agent.CloneException;
import io.vela.agent.Usage;
import io.vela.agent.storage.StorageCommand;
import io.vela.agent.storage.StorageDriver;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Full copies, for folders that offer nothing better: a clone takes the time and the space of all
 * its data.
 */
public final class CopyDriver implements StorageDriver {
  private final FileCopies copies = new FileCopies("never");

  @Override
  public String name() {
    return "copy";
  }

  @Override
  public boolean sharesBlocks() {
    return false;
  }

  @Override
  public Probe probe(Path pool) {
    return Files.isWritable(pool)
        ? new Probe.Usable()
        : new Probe.Unusable(pool + " is not writable");
  }

  @Override
  public void create(Path volume) throws CloneException {
    copies.create(volume);
  }

  @Override
  public void snapshot(Path source, Path target) throws CloneException {
    copies.copy(source, target, true, true);
  }

  @Override
  public void clone(Path source, Path target) throws CloneException {
    copies.copy(source, target, false, true);
  }

  @Override
  public void destroy(Path volume) throws CloneException {
    copies.destroy(volume);
  }

  @Override
  public Usage usage(Path volume) throws CloneException {
    FileTree.require(volume);
    var lines = new ArrayList<String>();
    StorageCommand.measure(
        List.of("du", "--summarize", "--block-size=1", "--", volume.toString()), lines::add);
    return parse(volume, lines);
  }

  /** {@code du} prints the bytes, a tab and the folder; other lines are about vanished files. */
  private static Usage parse(Path volume, List<String> lines) throws CloneException {
    for (var line : lines) {
      int tab = line.indexOf('\t');
      if (tab > 0 && line.substring(tab + 1).equals(volume.toString())) {
        long bytes = Long.parseLong(line.substring(0, tab));
        return new Usage(bytes, bytes);
      }
    }
    throw FileTree.failed(
        "du said nothing about " + volume, new IllegalStateException(String.join("; ", lines)));
  }
}
