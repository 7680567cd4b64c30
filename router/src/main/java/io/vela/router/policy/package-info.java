/** Rules: what may be created, by whom, from what; tokens and the rights they grant. */
@NullMarked
package io.vela.router.policy;

import org.jspecify.annotations.NullMarked;
