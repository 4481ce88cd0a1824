# Reference values for the coders' SD and the log ratio of two of them:
# every pair of clips and every left-out subject.
# Run in this folder: Rscript coder_sd.R   (base R only)
# Writes coder_sd_data.csv (made here, seed fixed) and coder_sd_reference.csv; the tests need no R.
# Adds real label revisions where tests/references.py wrote them (see there); none of their
# rows is written.
source("real.R")
set.seed(20270311)

cohort <- function(name, n_subjects, icc) {
  sizes <- pmax(1, round(rlnorm(n_subjects, 1, 0.8)))
  rows <- lapply(seq_len(n_subjects), function(s) {
    n <- sizes[s]
    at <- function(sd) sd * (sqrt(icc) * rnorm(1) + sqrt(1 - icc) * rnorm(n))
    v_on <- 16 * rlnorm(n, 0, 0.5); v_off <- 30 * rlnorm(n, 0, 0.5)
    data.frame(cohort = name, subject = sprintf("s%02d", s),
               onset = round(at(12) + rnorm(n, 0, sqrt(v_on)), 3), onset_variance = round(v_on, 3),
               offset = round(at(20) + rnorm(n, 0, sqrt(v_off)), 3), offset_variance = round(v_off, 3))
  })
  do.call(rbind, rows)
}
data <- rbind(cohort("clustered", 25, 0.3), cohort("flat", 14, 0))
# whole frames, most subjects with one clip, clips of a subject that oppose each other
sizes <- c(rep(1, 12), 2, 2, 4, 6, 10)
n <- sum(sizes)
data <- rbind(data, data.frame(
  cohort = "opposed", subject = rep(sprintf("s%02d", seq_along(sizes)), sizes),
  onset = round(rep_len(c(-14, 14), n) + rnorm(n, 0, 5)), onset_variance = 9,
  offset = round(rep_len(c(25, -25, 0), n) + rnorm(n, 0, 5)), offset_variance = 16))
write.csv(data, "coder_sd_data.csv", row.names = FALSE, quote = FALSE)
data <- with_real(data, "coder_sd_data.csv")

rest <- function(d, k) {                       # variance of the coders' error
  apart <- outer(d$subject, d$subject, "!=")
  mean(outer(d[[k]], d[[k]], "-")[apart]^2) / 2 - mean(d[[paste0(k, "_variance")]])
}
jackknife <- function(d, statistic) {
  left <- sapply(unique(d$subject), function(s) statistic(d[d$subject != s, ]))
  g <- length(left)
  c(statistic(d), sqrt((g - 1) / g * sum((left - mean(left))^2)), g - 1)
}
rows <- list()
add <- function(cohort, what, value) {
  rows[[length(rows) + 1]] <<- data.frame(cohort = cohort, what = what, value = value)
}
for (name in unique(data$cohort)) {
  d <- data[data$cohort == name, ]
  for (k in c("onset", "offset")) {
    left <- sapply(unique(d$subject), function(s) rest(d[d$subject != s, ], k))
    add(name, paste0(k, "_variance"), rest(d, k)); add(name, paste0(k, "_left_sd"), sd(left))
  }
  for (k in c("onset", "offset")) {
    j <- jackknife(d, function(e) log(sqrt(rest(e, k))))
    half <- qt(0.975, j[3]) * j[2]
    add(name, paste0(k, "_sd"), exp(j[1]))
    add(name, paste0(k, "_low"), exp(j[1] - half)); add(name, paste0(k, "_high"), exp(j[1] + half))
  }
  j <- jackknife(d, function(e) log(sqrt(rest(e, "offset") / rest(e, "onset"))))
  add(name, "ratio", j[1]); add(name, "ratio_se", j[2]); add(name, "ratio_df", j[3])
  add(name, "ratio_p", 2 * pt(-abs(j[1] / j[2]), j[3]))
}
out <- do.call(rbind, rows)
out$value <- formatC(out$value, digits = 15, format = "g")
write.csv(out, "coder_sd_reference.csv", row.names = FALSE, quote = FALSE)
