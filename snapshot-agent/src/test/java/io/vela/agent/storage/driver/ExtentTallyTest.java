package io.vela.agent.storage.driver;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.agent.Usage;
import org.junit.jupiter.api.Test;

class ExtentTallyTest {
  @Test
  void onlyExtentsThatAreNotSharedAreExclusive() {
    var output =
        """
        Filesystem type is: 58465342
        File size of x/c/shared eof (1 block of 9 bytes) is 20971520 (5120 blocks of 4096 bytes)
         ext:     logical_offset:        physical_offset: length:   expected: flags:
           0:        0..      13:         24..        37:     14:             shared
           1:       14..      19:      25638..     25643:      6:         38:
           2:       20..    5119:         44..      5143:   5100:      25644: last,shared,eof
        x/c/shared: 3 extents found
        File size of x/c/empty is 0 (0 blocks of 4096 bytes)
        x/c/empty: 0 extents found
        File size of x/c/g is 1000 (1 block of 1024 bytes)
           0:        0..       0:          0..         0:      1:             last,unknown_loc,delalloc,eof
        """;
    var tally = new ExtentTally();

    output.lines().forEach(tally);

    assertThat(tally.usage()).isEqualTo(new Usage(5120 * 4096L + 1024, 6 * 4096 + 1024));
  }
}
