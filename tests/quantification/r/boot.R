# Reference values for the bootstrap of subjects: boot on integers and on real values.
# Run in this folder: Rscript boot.R    (package boot)
# Writes boot_data.csv (made here, seed fixed), boot_draws.csv (how often each draw takes each
# subject, and every statistic of it) and boot_intervals.csv; the tests need no R.
# Adds real label revisions where tests/references.py wrote them (see there); none of their
# rows is written.
suppressPackageStartupMessages(library(boot))
source("real.R")
set.seed(20261125)
R <- 199

cohort <- function(name, whole) {
  sizes <- pmax(1, round(rlnorm(22, 1, 0.8)))
  rows <- lapply(seq_along(sizes), function(s) {
    y <- 3 * (rnorm(1, 0, sqrt(0.3)) + rnorm(sizes[s], 0, sqrt(0.7)))
    data.frame(cohort = name, subject = sprintf("s%02d", s), y = if (whole) round(y) else round(y, 6))
  })
  do.call(rbind, rows)
}
data <- rbind(cohort("whole", TRUE), cohort("real", FALSE))
# ties on a lattice, most subjects with one clip
sizes <- c(rep(1, 9), 2, 3, 5, 8, 13)
lattice <- data.frame(cohort = "lattice", subject = rep(sprintf("s%02d", 1:14), sizes),
                      y = rep_len(c(0, 0, 1, 3, 0, 2, 0, 0, 1, 0, 3), sum(sizes)))
data <- rbind(data, lattice)
write.csv(data, "boot_data.csv", row.names = FALSE, quote = FALSE)
data <- with_real(data, "boot_data.csv")

statistics <- function(y, s) c(
  mean = mean(y), subject_mean = mean(tapply(y, s, mean)), median = median(y),
  trimmed_mean = mean(y, trim = 0.2), sd = sd(y),
  q05 = unname(quantile(y, 0.05)), q95 = unname(quantile(y, 0.95)),
  within_1 = mean(abs(y) <= 1)
)
draws <- list(); intervals <- list()
for (name in unique(data$cohort)) {
  d <- data[data$cohort == name, ]
  own <- split(d$y, d$subject)
  of <- function(own, i) {
    taken <- own[i]
    statistics(unlist(taken, use.names = FALSE), rep(seq_along(taken), lengths(taken)))
  }
  b <- boot(own, of, R)
  counts <- boot.array(b)
  colnames(counts) <- names(own)
  colnames(b$t) <- names(b$t0)
  for (k in seq_len(R)) {
    draws[[length(draws) + 1]] <- data.frame(cohort = name, draw = k,
      counts = paste(counts[k, ], collapse = " "), t(b$t[k, ]))
  }
  left <- t(sapply(seq_along(own), function(g) of(own, -g)))
  for (j in names(b$t0)) {
    J <- left[, j]
    L <- (length(own) - 1) * (mean(J) - J)
    ci <- tryCatch(boot.ci(b, type = c("perc", "bca"), index = match(j, names(b$t0)), L = L),
                   warning = function(w) NULL, error = function(e) NULL)
    line <- data.frame(cohort = name, what = j, estimate = b$t0[[j]], jackknife_sd = sd(J),
      perc_low = NA, perc_high = NA, bca_low = NA, bca_high = NA, rank_low = NA, rank_high = NA,
      mid_low = NA, mid_high = NA)
    if (!is.null(ci)) {
      line[5:6] <- ci$percent[4:5]; line[7:8] <- ci$bca[4:5]; line[9:10] <- ci$bca[2:3]
      # the same with ties of the estimate counted half, on whole ranks rounded outwards
      tied <- abs(b$t[, j] - b$t0[[j]]) < 1e-9
      z0 <- qnorm(mean((b$t[, j] < b$t0[[j]] & !tied) + tied / 2))
      a <- if (any(L != 0)) sum(L^3) / (6 * sum(L^2)^1.5) else 0
      level <- pnorm(z0 + (z0 + qnorm(c(0.025, 0.975))) / (1 - a * (z0 + qnorm(c(0.025, 0.975)))))
      rank <- c(floor((R + 1) * level[1] + 1e-9), R + 1 - floor((R + 1) * (1 - level[2]) + 1e-9))
      line[11:12] <- sort(b$t[, j])[pmin(pmax(rank, 1), R)]
    }
    intervals[[length(intervals) + 1]] <- line
  }
}
show <- function(table, file) {
  real <- sapply(table, is.numeric)
  table[real] <- lapply(table[real], function(x) ifelse(is.na(x), "", formatC(x, digits = 12, format = "g", width = 1)))
  write.csv(table, file, row.names = FALSE, quote = FALSE)
}
show(do.call(rbind, draws), "boot_draws.csv")
show(do.call(rbind, intervals), "boot_intervals.csv")
