module smarttree.example/qtn1

go 1.19

require github.com/klauspost/compress v1.16.7
