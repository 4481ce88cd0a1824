# Reference values for the coders' SD and the log ratio of two of them:
# every pair of clips and every left-out subject in a loop.
# Run in this folder: Rscript coder_sd.R   (base R only)
# Writes coder_sd_data.csv (made here, seed fixed) and coder_sd_reference.csv.
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
write.csv(data, "coder_sd_data.csv", row.names = FALSE, quote = FALSE)

rest <- function(d, k) {                       # variance of the coders' error
  x <- d[[k]]; total <- 0; pairs <- 0
  for (i in seq_along(x)) for (j in seq_along(x)) if (d$subject[i] != d$subject[j]) {
    total <- total + (x[i] - x[j])^2 / 2; pairs <- pairs + 1
  }
  total / pairs - mean(d[[paste0(k, "_variance")]])
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
