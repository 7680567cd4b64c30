/** Started clones without a name, kept ready to become branches. */
@NullMarked
package io.vela.router.warm;

import org.jspecify.annotations.NullMarked;
